package workerpool

import (
	"time"

	"douyin.dev/services/operator/broker"
)

const (
	// rateWindow is what a rate is measured over.
	rateWindow = time.Minute
	// stalledAfter is how long a backlog may lie untouched before the group counts as stalled.
	stalledAfter = time.Minute
)

// Reading is what was seen of a group at a moment.
type Reading struct {
	At time.Time
	// Workers that were ready.
	Workers   int32
	Positions []broker.Position
}

// span is what happened between two readings.
type span struct {
	end           time.Time
	seconds       float64
	arrived       int64
	drained       int64   // by workers that were busy all the time
	workerSeconds float64 // of workers that were busy all the time
}

// Meter measures how fast a busy worker drains, and how fast records arrive.
//
// A worker is known to have been busy between two readings when one of its
// partitions moved by less than its lag: something that was there at the start
// was not done at the end. Only that counts. A worker that keeps up says nothing
// about how fast it could be, and taking its pace for its limit would call for
// more workers the less there is to do.
type Meter struct {
	last  Reading
	spans []span
	rate  float64
	// still is since when there is a backlog and nothing moves; zero when something does.
	still time.Time
}

// NewMeter returns a Meter that believes in a rate measured earlier; 0 for none.
func NewMeter(rate float64) *Meter { return &Meter{rate: rate} }

// Add takes a reading. Readings come in order of time.
func (m *Meter) Add(r Reading) {
	before := m.last
	m.last = r
	if before.At.IsZero() || !r.At.After(before.At) {
		m.still = time.Time{}
		return
	}
	m.watchStill(before, r)
	m.spans = append(m.spans, between(before, r))
	for len(m.spans) > 0 && r.At.Sub(m.spans[0].end) >= rateWindow {
		m.spans = m.spans[1:]
	}
	var drained int64
	var seconds float64
	for _, s := range m.spans {
		drained += s.drained
		seconds += s.workerSeconds
	}
	// Busy workers that moved nothing at all are waiting for something else: the
	// rate measured before stays the best there is.
	if drained > 0 && seconds > 0 {
		m.rate = float64(drained) / seconds
	}
}

func between(before, r Reading) span {
	s := span{end: r.At, seconds: r.At.Sub(before.At).Seconds()}
	was := map[broker.Position]broker.Position{}
	for _, p := range before.Positions {
		was[at(p)] = p
	}
	busy := int32(0)
	for _, p := range r.Positions {
		old, ok := was[at(p)]
		if !ok {
			continue
		}
		s.arrived += max(p.End-old.End, 0)
		if moved := p.Next() - old.Next(); moved >= 0 && moved < old.Lag() {
			busy++
			s.drained += moved
		}
	}
	// While workers come and go the group is busy with itself.
	if r.Workers != before.Workers {
		s.drained = 0
		return s
	}
	s.workerSeconds = float64(min(busy, r.Workers)) * s.seconds
	return s
}

// at is a position's place.
func at(p broker.Position) broker.Position {
	return broker.Position{Topic: p.Topic, Partition: p.Partition}
}

func (m *Meter) watchStill(before, r Reading) {
	moved := r.Workers == 0 || broker.Backlog(r.Positions) == 0
	was := map[broker.Position]int64{}
	for _, p := range before.Positions {
		was[at(p)] = p.Next()
	}
	for _, p := range r.Positions {
		moved = moved || was[at(p)] != p.Next()
	}
	switch {
	case moved:
		m.still = time.Time{}
	case m.still.IsZero():
		m.still = before.At
	}
}

// Rate returns the records a second that one busy worker drains; 0 when it was never measured.
func (m *Meter) Rate() float64 { return m.rate }

// Arrival returns the records a second that were published in the window.
func (m *Meter) Arrival() float64 {
	var n int64
	var seconds float64
	for _, s := range m.spans {
		n += s.arrived
		seconds += s.seconds
	}
	if seconds == 0 {
		return 0
	}
	return float64(n) / seconds
}

// Stalled reports whether workers are there, a backlog too, and nothing moves.
func (m *Meter) Stalled() bool {
	return !m.still.IsZero() && m.last.At.Sub(m.still) >= stalledAfter
}
