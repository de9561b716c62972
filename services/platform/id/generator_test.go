package id

import (
	"errors"
	"sync"
	"testing"
	"time"
)

func TestIdsAreUniqueRisingAndSmall(t *testing.T) {
	t.Parallel()
	const callers, each = 8, 2_000
	g := New(Fixed(1023))
	var (
		mu   sync.Mutex
		seen = make(map[int64]struct{}, callers*each)
		done sync.WaitGroup
	)
	for range callers {
		done.Go(func() {
			var last int64
			for range each {
				n, err := g.Next()
				if err != nil || n <= last || n >= Max || n%Machines != 1023 {
					t.Errorf("after %d: %d, %v", last, n, err)
					return
				}
				last = n
				mu.Lock()
				seen[n] = struct{}{}
				mu.Unlock()
			}
		})
	}
	done.Wait()
	if len(seen) != callers*each {
		t.Errorf("%d different ids, want %d", len(seen), callers*each)
	}
}

func TestIdTellsItsTime(t *testing.T) {
	t.Parallel()
	before := time.Now().Truncate(time.Millisecond)
	n, err := New(Fixed(0)).Next()
	if err != nil {
		t.Fatal(err)
	}
	if made := Time(n); made.Before(before) || made.After(time.Now()) {
		t.Errorf("id says %v, made between %v and %v", made, before, time.Now())
	}
}

func TestIdsFitUntil2043(t *testing.T) {
	t.Parallel()
	last := Time(Max - 1)
	if got := last.UTC().Format("2006-01"); got != "2043-06" {
		t.Errorf("the last id is made in %s", got)
	}
}

func TestMachineNumberOutOfRangeIsRefused(t *testing.T) {
	t.Parallel()
	for _, n := range []int{-1, Machines, Machines + 1} {
		if _, err := New(Fixed(n)).Next(); err == nil {
			t.Errorf("machine %d was accepted", n)
		}
	}
}

// granted is a lease with a time of Postgres, renewed for the length of a test.
func granted(now time.Time) *Lease {
	l := &Lease{timing: slow}
	l.grant(5, time.Now(), now)
	return l
}

// Ids carry Postgres's time: a machine's clock may be ahead or behind by years.
func TestIdsCarryTheTimeOfTheLeaseAndNotTheMachines(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{-30 * 24 * time.Hour, time.Hour, 5 * 365 * 24 * time.Hour} {
		now := time.Now().Add(off)
		n, err := New(granted(now)).Next()
		if made := Time(n); err != nil || made.Before(now.Truncate(time.Millisecond)) || made.After(now.Add(time.Minute)) {
			t.Errorf("off by %v: id of %v, %v", off, made, err)
		}
	}
}

// The clock was ahead when the process started, and is then set right.
func TestIdsGoOnAfterTheClockWasAhead(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{time.Millisecond, time.Second, time.Hour, 365 * 24 * time.Hour} {
		l := granted(time.Now().Add(ahead))
		g := New(l)
		var last int64
		for round := range 5 {
			for range 100 {
				n, err := g.Next()
				if err != nil || n <= last {
					t.Fatalf("ahead by %v, round %d: %d after %d, %v", ahead, round, n, last, err)
				}
				last = n
			}
			l.grant(5, time.Now(), time.Now()) // a renewal, by the clock that is right
		}
	}
}

// fading is a lease that ends between being looked at and being used.
type fading struct{ looks int }

func (f *fading) Machine() (int, time.Time, error) {
	f.looks++
	if f.looks%2 == 0 {
		return 0, time.Time{}, ErrNoLease
	}
	return 5, time.Now(), nil
}

func TestIdMadeWhileTheLeaseEndedIsNotHandedOut(t *testing.T) {
	t.Parallel()
	if n, err := New(&fading{}).Next(); !errors.Is(err, ErrNoLease) {
		t.Errorf("got %d, %v, want ErrNoLease", n, err)
	}
}

func BenchmarkNext(b *testing.B) {
	g := New(Fixed(1))
	for b.Loop() {
		if _, err := g.Next(); err != nil {
			b.Fatal(err)
		}
	}
}
