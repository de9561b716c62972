package app

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// What is in use is little beside what requests make and drop. Go would collect
// whenever that is as much again; a process collects later as long as it stays
// below a memory it may have anyway, and as Go would when much is in use.

const (
	// serviceMemory is how much memory the runtime of one component may take, in
	// bytes, and wholeMemory that of the whole platform in one process: with the
	// program itself, which does not count there, that stays below 300 MiB.
	serviceMemory, wholeMemory = 56 << 20, 240 << 20
	// lateGC is how much may be allocated before a collection while that is far, in
	// percent of what is in use; goGC is Go's own.
	lateGC, goGC = 300, 100
	// gcEvery is how often what is in use is looked at.
	gcEvery = 5 * time.Second
)

// spender decides how often garbage is collected.
type spender struct {
	// aim is the memory that is used before garbage is collected more often, and
	// limit the one there was before: the process's own, or its container's.
	aim, limit int64
}

// spendMemory adapts how often garbage is collected until ctx ends, unless
// whoever started the process has decided it with GOGC or GOMEMLIMIT.
func spendMemory(ctx context.Context, aim int64) error {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	s := spender{aim: aim, limit: debug.SetMemoryLimit(-1)}
	defer set(goGC, s.limit)
	set(s.allow(0))
	inUse := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(gcEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			metrics.Read(inUse)
			set(s.allow(int64(inUse[0].Value.Uint64())))
		}
	}
}

func set(percent int, limit int64) {
	debug.SetGCPercent(percent)
	debug.SetMemoryLimit(limit)
}

// allow is how much may be allocated before a collection, and the memory that is
// the limit all the same, while so many bytes are in use: more than two fifths
// of the aim leave too little room below it.
func (s spender) allow(inUse int64) (percent int, limit int64) {
	if inUse > s.aim*2/5 {
		return goGC, s.limit
	}
	return lateGC, min(s.aim, s.limit)
}
