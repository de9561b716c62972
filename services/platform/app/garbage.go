package app

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The whole platform in one process makes as much garbage as all of the mesh's
// processes, on a machine that has memory for one. So it collects later than Go
// would while what is in use is little, and as Go would when it is much.

const (
	// memoryAim is how much memory the runtime may take, in bytes: with the
	// program itself, which does not count there, the process stays below 300 MiB.
	memoryAim = 240 << 20
	// muchInUse is where memoryAim would leave too little room, in bytes.
	muchInUse = 100 << 20
	// lateGC is how much may be allocated before a collection while memoryAim is
	// far, in percent of what is in use; goGC is Go's own.
	lateGC, goGC = 300, 100
	// gcEvery is how often what is in use is looked at.
	gcEvery = 5 * time.Second
)

// spendMemory adapts how often garbage is collected until ctx ends, unless
// whoever started the process has decided it with GOGC or GOMEMLIMIT.
func spendMemory(ctx context.Context) error {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	defer spend(goGC, math.MaxInt64)
	spend(garbageAllowed(0))
	inUse := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(gcEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			metrics.Read(inUse)
			spend(garbageAllowed(inUse[0].Value.Uint64()))
		}
	}
}

func spend(percent int, limit int64) {
	debug.SetGCPercent(percent)
	debug.SetMemoryLimit(limit)
}

// garbageAllowed is how much may be allocated before a collection, and the
// memory that is the limit all the same, while so many bytes are in use.
func garbageAllowed(inUse uint64) (percent int, limit int64) {
	if inUse > muchInUse {
		return goGC, math.MaxInt64
	}
	return lateGC, memoryAim
}
