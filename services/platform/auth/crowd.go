package auth

import (
	"bytes"
	"os"
	"runtime/metrics"
	"strconv"
	"sync"
	"time"
)

const (
	// crowdWait is how long whoever could run waits for a core when there are too few, in seconds.
	crowdWait = 200e-6
	// crowdPart of all waits since the last look must be that long.
	crowdPart = 0.1
	// crowdPressure is the part of the time that some thread of the machine waits for a
	// core where there are too few: hashing alone makes a third, full load more than a half.
	crowdPressure = 0.45
)

// crowd tells whether others wait for a core. Safe for concurrent use.
type crowd struct {
	mu             sync.Mutex
	sample         [1]metrics.Sample
	seen, seenLong uint64 // waits up to the last look
	pressure
}

// waits reports whether they have been waiting since the last look, in this
// process or in others.
func (c *crowd) waits() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	inside, outside := c.inside(), c.outside(stalled(), time.Now())
	return inside || outside
}

// inside reports whether they waited in this process.
func (c *crowd) inside() bool {
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

// pressure is how long threads of the machine have waited for a core, of all its processes.
type pressure struct {
	stalled time.Duration // up to the last look
	looked  time.Time
}

// outside reports whether they waited for much of the time since the last look.
func (p *pressure) outside(stalled time.Duration, now time.Time) bool {
	waited, passed := stalled-p.stalled, now.Sub(p.looked)
	first := p.looked.IsZero()
	p.stalled, p.looked = stalled, now
	return !first && float64(waited) > crowdPressure*float64(passed)
}

// stalled is for how long some thread waited for a core since the machine
// started, by Linux's pressure stall information; always 0 without it.
func stalled() time.Duration {
	text, err := os.ReadFile("/proc/pressure/cpu")
	if err != nil {
		return 0
	}
	return parseStalled(text)
}

// parseStalled reads "some avg10=0.00 avg60=0.00 avg300=0.00 total=123", in microseconds.
func parseStalled(text []byte) time.Duration {
	some, _, _ := bytes.Cut(text, []byte("\n"))
	_, total, _ := bytes.Cut(some, []byte("total="))
	micros, err := strconv.ParseInt(string(total), 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(micros) * time.Microsecond
}
