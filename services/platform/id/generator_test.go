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

func TestClockThatGoesBackMakesNoIds(t *testing.T) {
	t.Parallel()
	g := New(Fixed(1))
	if _, err := g.Next(); err != nil {
		t.Fatal(err)
	}
	g.now = func() time.Time { return time.Now().Add(-time.Minute) }
	if _, err := g.Next(); !errors.Is(err, ErrClockBack) {
		t.Errorf("got %v, want ErrClockBack", err)
	}
	g.now = time.Now
	if _, err := g.Next(); err != nil {
		t.Errorf("after the clock was put right: %v", err)
	}
}

// fading is a lease that ends between being looked at and being used.
type fading struct{ looks int }

func (f *fading) Machine() (int, error) {
	f.looks++
	if f.looks%2 == 0 {
		return 0, ErrNoLease
	}
	return 5, nil
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
