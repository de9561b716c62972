package auth

import (
	"runtime/metrics"
	"sync"
)

const (
	// crowdWait is how long whoever could run waits for a core when there are too few, in seconds.
	crowdWait = 200e-6
	// crowdPart of all waits since the last look must be that long.
	crowdPart = 0.1
)

// crowd tells whether others in the process wait for a core. Safe for concurrent use.
type crowd struct {
	mu             sync.Mutex
	sample         [1]metrics.Sample
	seen, seenLong uint64 // waits up to the last look
}

// waits reports whether they have been waiting since the last look.
func (c *crowd) waits() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sample[0].Name = "/sched/latencies:seconds"
	metrics.Read(c.sample[:])
	if c.sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return false
	}
	all, long := count(c.sample[0].Value.Float64Histogram())
	newly, newlyLong := all-c.seen, long-c.seenLong
	c.seen, c.seenLong = all, long
	return float64(newlyLong) > crowdPart*float64(newly)
}

// count counts all waits and the long ones.
func count(h *metrics.Float64Histogram) (all, long uint64) {
	for i, n := range h.Counts {
		all += n
		if h.Buckets[i] >= crowdWait {
			long += n
		}
	}
	return all, long
}
