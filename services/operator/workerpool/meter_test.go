package workerpool

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"douyin.dev/services/operator/broker"
)

// shop is a group of workers: every partition belongs to one of them, and each
// does rate records a second.
type shop struct {
	now       time.Time
	positions []broker.Position
	workers   int32
	rate      float64
}

func newShop(partitions int, backlog int64, workers int32, rate float64) *shop {
	s := &shop{now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), workers: workers, rate: rate}
	for p := range partitions {
		s.positions = append(s.positions, broker.Position{Topic: "likes", Partition: p, End: backlog / int64(partitions), Committed: -1})
	}
	return s
}

func (s *shop) reading() Reading {
	return Reading{At: s.now, Workers: s.workers, Positions: append([]broker.Position(nil), s.positions...)}
}

// work lets time pass: each worker's time goes to its partitions in turn.
func (s *shop) work(d time.Duration) {
	s.now = s.now.Add(d)
	for w := range s.workers {
		left := int64(s.rate * d.Seconds())
		for p := int(w); p < len(s.positions); p += int(s.workers) {
			at := &s.positions[p]
			done := min(left, at.Lag())
			at.Committed = at.Next() + done
			left -= done
		}
	}
}

func TestMeasuresTheRateOfABusyWorker(t *testing.T) {
	t.Parallel()
	for _, workers := range []int32{1, 2, 4} {
		s, m := newShop(4, 100_000, workers, 50), NewMeter(0)
		for range 6 {
			m.Add(s.reading())
			s.work(5 * time.Second)
		}
		if got := m.Rate(); got < 25 || got > 51 {
			t.Errorf("%d workers: %v records a second each, want about 50", workers, got)
		}
	}
}

func TestWorkersWithAPartitionEachAreMeasuredExactly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		workers := rapid.Int32Range(1, 16).Draw(t, "workers")
		rate := float64(rapid.IntRange(1, 1000).Draw(t, "rate"))
		s, m := newShop(int(workers), int64(workers)*1e6, workers, rate), NewMeter(0)
		for range 4 {
			m.Add(s.reading())
			s.work(5 * time.Second)
		}
		if got := m.Rate(); math.Abs(got-rate) > 1e-6*rate {
			t.Fatalf("%v records a second each, want %v", got, rate)
		}
	})
}

func TestAWorkerThatKeepsUpSaysNothingAboutItsLimit(t *testing.T) {
	t.Parallel()
	s, m := newShop(1, 10, 1, 50), NewMeter(0)
	m.Add(s.reading())
	for range 10 {
		s.work(5 * time.Second)
		s.positions[0].End += 10
		m.Add(s.reading())
	}
	if got := m.Rate(); got != 0 {
		t.Errorf("rate %v from an idle worker, want none", got)
	}
	if got := m.Arrival(); math.Abs(got-2) > 1e-9 {
		t.Errorf("arrival %v, want 2", got)
	}
}

func TestARateIsKeptWhileThereIsNothingToMeasure(t *testing.T) {
	t.Parallel()
	s, m := newShop(1, 0, 1, 50), NewMeter(33)
	for range 30 {
		m.Add(s.reading())
		s.work(5 * time.Second)
	}
	if got := m.Rate(); got != 33 {
		t.Errorf("rate %v, want the one from before", got)
	}
}

func TestWorkersThatComeAndGoAreNotMeasured(t *testing.T) {
	t.Parallel()
	s, m := newShop(4, 100_000, 1, 50), NewMeter(0)
	m.Add(s.reading())
	s.workers = 4
	s.work(5 * time.Second)
	m.Add(s.reading())
	if got := m.Rate(); got != 0 {
		t.Errorf("rate %v over a change of workers, want none", got)
	}
}

func TestAStalledGroupIsNoticedAndForgiven(t *testing.T) {
	t.Parallel()
	s, m := newShop(2, 1000, 2, 0), NewMeter(20)
	for range 5 {
		m.Add(s.reading())
		s.work(10 * time.Second)
	}
	if m.Stalled() {
		t.Error("stalled after 40 seconds")
	}
	for range 3 {
		m.Add(s.reading())
		s.work(10 * time.Second)
	}
	if !m.Stalled() || m.Rate() != 20 {
		t.Errorf("after 70 seconds: stalled %v, rate %v", m.Stalled(), m.Rate())
	}
	s.rate = 5
	s.work(10 * time.Second)
	m.Add(s.reading())
	if m.Stalled() {
		t.Error("still stalled though something moved")
	}
}

func TestAGroupWithoutWorkersIsNotStalled(t *testing.T) {
	t.Parallel()
	s, m := newShop(2, 1000, 0, 0), NewMeter(0)
	for range 20 {
		m.Add(s.reading())
		s.work(10 * time.Second)
	}
	if m.Stalled() {
		t.Error("stalled without workers")
	}
}

// A pool under a steady load with noise comes to a size and keeps it.
func TestAPoolUnderSteadyLoadFindsItsSize(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const partitions, step = 16, 5 * time.Second
		rate := float64(rapid.IntRange(20, 200).Draw(t, "rate"))
		load := rapid.Float64Range(1.2, 6).Draw(t, "workers' worth of load")
		s, m, d := newShop(partitions, 0, 1, rate), NewMeter(0), &Damper{}
		pool := spec(1, partitions, 30)
		var sizes []int32
		for i := range 400 {
			noise := rapid.Float64Range(0.9, 1.1).Draw(t, "noise")
			for p := range s.positions {
				s.positions[p].End += int64(rate * load * noise * step.Seconds() / partitions)
			}
			m.Add(s.reading())
			size, _ := Recommend(pool, Load{Backlog: broker.Backlog(s.positions), Rate: m.Rate(), Arrival: m.Arrival(), Partitions: partitions, Stalled: m.Stalled()}, s.workers)
			s.workers = d.Settle(s.now, size, s.workers, 0, 2*time.Minute)
			if i >= 200 {
				sizes = append(sizes, s.workers)
			}
			s.work(step)
		}
		changes := 0
		for i := 1; i < len(sizes); i++ {
			if sizes[i] != sizes[i-1] {
				changes++
			}
		}
		// 200 looks are 1000 s, eight windows.
		if changes > 8 {
			t.Fatalf("%d changes in 1000 s: %v", changes, sizes)
		}
		if backlog := float64(broker.Backlog(s.positions)); backlog > 60*rate*load {
			t.Fatalf("the pool fell behind by %v records", backlog)
		}
	})
}
