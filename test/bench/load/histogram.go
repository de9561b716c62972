package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// slowest is the longest latency told apart, digits how precisely.
const (
	slowest = time.Minute
	digits  = 3
)

// Latency is how long answers took, in milliseconds.
type Latency struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99_9"`
	Max  float64 `json:"max"`
}

// Histogram counts latencies in microseconds. One goroutine uses it.
type Histogram struct{ h *hdrhistogram.Histogram }

// NewHistogram returns an empty one.
func NewHistogram() *Histogram {
	return &Histogram{h: hdrhistogram.New(1, slowest.Microseconds(), digits)}
}

// Record counts a latency; one above a minute counts as a minute.
func (h *Histogram) Record(d time.Duration) {
	_ = h.h.RecordValue(min(max(d.Microseconds(), 1), slowest.Microseconds())) // fails only outside of these bounds
}

// Merge adds another's counts.
func (h *Histogram) Merge(other *Histogram) { h.h.Merge(other.h) }

// Count is how many were recorded.
func (h *Histogram) Count() int64 { return h.h.TotalCount() }

// Above counts latencies longer than d, to the histogram's precision.
func (h *Histogram) Above(d time.Duration) int64 {
	n := int64(0)
	for _, bar := range h.h.Distribution() {
		if bar.From > d.Microseconds() {
			n += bar.Count
		}
	}
	return n
}

// Latency summarizes it.
func (h *Histogram) Latency() Latency {
	ms := func(micros int64) float64 { return float64(micros) / 1000 }
	return Latency{
		Mean: h.h.Mean() / 1000,
		P50:  ms(h.h.ValueAtQuantile(50)), P90: ms(h.h.ValueAtQuantile(90)), P99: ms(h.h.ValueAtQuantile(99)),
		P999: ms(h.h.ValueAtQuantile(99.9)), Max: ms(h.h.Max()),
	}
}
