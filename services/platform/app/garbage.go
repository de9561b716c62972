package app

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The whole platform in one process makes as much garbage as all of the mesh's
// processes, on a machine that has memory for one. So it collects later than Go
// would while what is in use is little, and as Go would when it is much.

const (
	// heapAim is how large the heap of such a process may grow between two
	// collections, in bytes; with stacks and what is outside the heap the process
	// stays below 300 MiB.
	heapAim = 170 << 20
	// leastGC and mostGC bound how much may be allocated before a collection, in
	// percent of what is in use. Go's own is 100.
	leastGC, mostGC = 100, 300
	// gcEvery is how often what is in use is looked at.
	gcEvery = 5 * time.Second
)

// spendMemory adapts how often garbage is collected until ctx ends.
func spendMemory(ctx context.Context) error {
	defer debug.SetGCPercent(debug.SetGCPercent(mostGC))
	inUse := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(gcEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			metrics.Read(inUse)
			debug.SetGCPercent(gcPercent(inUse[0].Value.Uint64()))
		}
	}
}

// gcPercent is how much may be allocated while so many bytes are in use.
func gcPercent(inUse uint64) int {
	if inUse == 0 { // nothing was collected yet
		return mostGC
	}
	if inUse >= heapAim {
		return leastGC
	}
	return int(min(max((heapAim-inUse)*100/inUse, leastGC), mostGC))
}
