package auth

import (
	"runtime"
	"testing"
	"time"
)

func TestHashingRestsInACrowd(t *testing.T) {
	t.Parallel()
	p := NewPasswords(1, 1)
	p.restPerHash = 4
	waited := func(crowded bool) (hash, wait time.Duration) {
		t.Helper()
		p.crowded = func(time.Duration, time.Duration) bool { return crowded }
		began := time.Now()
		if err := p.VerifyNobody(t.Context(), "secret"); err != nil {
			t.Fatal(err)
		}
		hash = time.Since(began)
		began = time.Now()
		if err := p.slots.Acquire(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		p.slots.Release(1)
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

func TestACrowdIsWhereAHashWaitsForMoreThanAFifthOfItsTime(t *testing.T) {
	t.Parallel()
	const took = 100 * time.Millisecond
	for used, want := range map[time.Duration]bool{took: false, 81 * time.Millisecond: false, 79 * time.Millisecond: true, 0: true} {
		if got := crowded(took, used); got != want {
			t.Errorf("%v with a core in %v: crowd %v", used, took, got)
		}
	}
}

func TestStopwatchTellsUseFromWait(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the time of a thread is not known here")
	}
	w := startStopwatch()
	for end := threadTime() + 10*time.Millisecond; threadTime() < end; {
	}
	time.Sleep(20 * time.Millisecond) // the wait
	if took, used := w.stop(); used < 10*time.Millisecond || took-used < 20*time.Millisecond {
		t.Errorf("used %v of %v, want 10 ms or more, and 20 ms less than it took", used, took)
	}
}
