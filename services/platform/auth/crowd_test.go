package auth

import (
	"runtime/metrics"
	"testing"
	"time"
)

func TestHashingRestsInACrowd(t *testing.T) {
	t.Parallel()
	p := NewPasswords(1, 1)
	p.BoundWait(time.Minute) // a hash of a busy machine, and its rest, may take seconds
	p.restPerHash = 4
	waited := func(crowded bool) (hash, wait time.Duration) {
		t.Helper()
		p.crowded = func() bool { return crowded }
		began := time.Now()
		if err := p.VerifyNobody(t.Context(), "secret"); err != nil {
			t.Fatal(err)
		}
		hash = time.Since(began)
		began = time.Now()
		if err := p.queue.enter(t.Context(), ForAccount); err != nil {
			t.Fatal(err)
		}
		p.queue.leave(hash)
		return hash, time.Since(began)
	}
	if hash, wait := waited(true); wait < hash {
		t.Errorf("in a crowd the next hash may begin %v after one of %v", wait, hash)
	}
	if hash, wait := waited(false); wait > hash {
		t.Errorf("alone the next hash may begin only %v after one of %v", wait, hash)
	}
}

func TestHashingUsesAPartOfTheCoresInACrowd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		concurrent, cores int
		want              float64 // rest for each time of a hash
	}{{1, 2, 1.5}, {2, 2, 4}, {4, 8, 1.5}, {1, 8, 0}, {1, 1, 4}} {
		if got := restPerHash(c.concurrent, c.cores, 0.2); got < c.want-1e-9 || got > c.want+1e-9 {
			t.Errorf("%d at a time on %d cores: %v, want %v", c.concurrent, c.cores, got, c.want)
		}
	}
}

func TestACrowdIsWhereMoreThanATenthOfWaitsAreLong(t *testing.T) {
	t.Parallel()
	all, long := count(&metrics.Float64Histogram{Buckets: []float64{0, 100e-6, 200e-6, 1, 2}, Counts: []uint64{7, 5, 2, 1}})
	if all != 15 || long != 3 {
		t.Errorf("%d waits, %d long; want 15 and 3", all, long)
	}
}

func TestACrowdIsWhereTheMachineWaitsForAlmostHalfOfTheTime(t *testing.T) {
	t.Parallel()
	start := time.Now()
	var p pressure
	for _, look := range []struct {
		at, stalled time.Duration
		want        bool
	}{
		{0, time.Hour, false}, // since the machine started: says nothing about now
		{time.Second, time.Hour + 400*time.Millisecond, false},
		{2 * time.Second, time.Hour + 900*time.Millisecond, true},
		{3 * time.Second, time.Hour + 900*time.Millisecond, false},
	} {
		if got := p.outside(look.stalled, start.Add(look.at)); got != look.want {
			t.Errorf("after %v with %v waited: %v, want %v", look.at, look.stalled, got, look.want)
		}
	}
}

func TestPressureIsRead(t *testing.T) {
	t.Parallel()
	const text = "some avg10=5.21 avg60=21.69 avg300=25.37 total=3391437539\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
	if got := parseStalled([]byte(text)); got != 3391437539*time.Microsecond {
		t.Errorf("got %v", got)
	}
	if got := parseStalled(nil); got != 0 {
		t.Errorf("without: %v", got)
	}
}
