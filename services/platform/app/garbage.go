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
	// gcEvery is how often memory is looked at: a crowd fills it in less than a second.
	gcEvery = 200 * time.Millisecond
)

// memory is what a process has, in bytes.
type memory struct {
	// inUse is what the last collection found in use.
	inUse int64
	// besides is what the runtime has that is no heap: the stacks of goroutines, mostly.
	besides int64
}

// newSamples returns the metrics that measure reads. The runtime's limit is on the
// total less what was released.
func newSamples() []metrics.Sample {
	return []metrics.Sample{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
	}
}

// measure reads memory by samples, which are written over.
func measure(samples []metrics.Sample) memory {
	metrics.Read(samples)
	m := memory{inUse: int64(samples[0].Value.Uint64()), besides: int64(samples[1].Value.Uint64())}
	for _, heap := range samples[2:] {
		m.besides -= int64(heap.Value.Uint64())
	}
	return m
}

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
	defer set(settings{goGC, s.limit})
	now := s.allow(memory{})
	set(now)
	samples := newSamples()
	tick := time.NewTicker(gcEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			before := now
			if now = s.allow(measure(samples)); now != before {
				set(now) // stops the world, so not in vain
			}
		}
	}
}

// settings are the runtime's: how much may be allocated before a collection, in
// percent of what is in use, and the memory that is the limit all the same, in bytes.
type settings struct {
	percent int
	limit   int64
}

func set(to settings) {
	debug.SetGCPercent(to.percent)
	debug.SetMemoryLimit(to.limit)
}

// allow returns the settings for a process that has so much. Where the aim leaves
// less room for garbage than Go would take, Go's own hold: close to a limit the
// runtime does little but collect.
func (s spender) allow(m memory) settings {
	if room := s.aim - m.besides - m.inUse; room < m.inUse {
		return settings{goGC, s.limit}
	}
	return settings{lateGC, min(s.aim, s.limit)}
}
