package coalesce

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnswerIsNeverOlderThanItsCaller(t *testing.T) {
	t.Parallel()
	s := NewShare[string, int64](slog.New(slog.DiscardHandler))
	var version atomic.Int64
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for range 200 {
				known := version.Add(1) // a write of this caller
				got, err := s.Do(t.Context(), "feed", func(context.Context) (int64, error) { return version.Load(), nil })
				if err != nil || got < known {
					t.Errorf("read %d, %v after writing %d", got, err, known)
				}
			}
		})
	}
	wg.Wait()
}

func TestCrowdSharesOneRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewShare[string, int](slog.New(slog.DiscardHandler))
		var reads atomic.Int64
		read := func(context.Context) (int, error) {
			time.Sleep(10 * time.Millisecond)
			return int(reads.Add(1)), nil
		}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { _, _ = s.Do(t.Context(), "feed", read) })
		}
		wg.Wait()
		if n := reads.Load(); n != 2 { // the first one's, and all the others'
			t.Errorf("100 callers made %d reads", n)
		}
		synctest.Wait()
		if len(s.reading) != 0 {
			t.Error("something is kept")
		}
	})
}

func TestKeysDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewShare[string, int](slog.New(slog.DiscardHandler))
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			_, _ = s.Do(t.Context(), "slow", func(context.Context) (int, error) { time.Sleep(time.Hour); return 0, nil })
		})
		synctest.Wait()
		began := time.Now()
		_, _ = s.Do(t.Context(), "quick", func(context.Context) (int, error) { return 0, nil })
		if time.Since(began) > 0 {
			t.Error("waited")
		}
	})
}

func TestHangingReadHoldsNobodyForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewShare[string, int](slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _ = s.Do(ctx, "feed", func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
		})
		synctest.Wait()
		began := time.Now()
		got, err := s.Do(t.Context(), "feed", func(context.Context) (int, error) { return 7, nil })
		if took := time.Since(began); got != 7 || err != nil || took > waitTimeout {
			t.Errorf("got %d, %v after %v", got, err, took)
		}
		cancel()
		wg.Wait()
		synctest.Wait() // the turn that everybody left ends as well
	})
}

// Under load reads get slow, and then those who wait must not go and read alone.
func TestSlowReadKeepsItsCrowd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const takes = 600 * time.Millisecond
		s := NewShare[string, int](slog.New(slog.DiscardHandler))
		var reads atomic.Int64
		slow := func(context.Context) (int, error) { reads.Add(1); time.Sleep(takes); return 7, nil }
		var wg sync.WaitGroup
		for range 10 { // the first reads, the others come until it ends
			wg.Go(func() {
				if got, err := s.Do(t.Context(), "feed", slow); got != 7 || err != nil {
					t.Errorf("got %d, %v", got, err)
				}
			})
			time.Sleep(takes / 11)
		}
		wg.Wait()
		if n := reads.Load(); n != 2 {
			t.Errorf("read %d times, want 2", n)
		}
	})
}

func TestWaitingCallerMayLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewShare[string, int](slog.New(slog.DiscardHandler))
		var wg sync.WaitGroup
		slow := func(context.Context) (int, error) { time.Sleep(100 * time.Millisecond); return 7, nil }
		wg.Go(func() { _, _ = s.Do(t.Context(), "feed", slow) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		wg.Go(func() {
			if got, err := s.Do(t.Context(), "feed", slow); got != 7 || err != nil {
				t.Errorf("the one who stayed got %d, %v", got, err)
			}
		})
		if _, err := s.Do(ctx, "feed", slow); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the one who left got %v", err)
		}
		wg.Wait()
	})
}

func TestPanicIsAnErrorToAllWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewShare[string, int](slog.New(slog.DiscardHandler))
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _ = s.Do(t.Context(), "feed", func(context.Context) (int, error) { time.Sleep(time.Millisecond); return 0, nil })
		})
		synctest.Wait()
		for range 3 {
			wg.Go(func() {
				if _, err := s.Do(t.Context(), "feed", func(context.Context) (int, error) { panic("broken") }); err == nil {
					t.Error("no error")
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		if len(s.reading) != 0 {
			t.Error("something is kept")
		}
	})
}

func TestLoaderReadsTheIDsOfACrowdTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var calls [][]int64
		l := &Loader[int64]{MaxIDs: 50, Timeout: ReadTimeout, Log: slog.New(slog.DiscardHandler), Read: func(_ context.Context, ids []int64) (map[int64]int64, error) {
			time.Sleep(time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, slices.Clone(ids))
			found := map[int64]int64{}
			for _, id := range ids {
				found[id] = -id
			}
			return found, nil
		}}
		var wg sync.WaitGroup
		ask := func(ids ...int64) {
			wg.Go(func() {
				got, err := l.Load(t.Context(), ids)
				for _, id := range ids {
					if got[id] != -id || err != nil {
						t.Errorf("%d: %v, %v", id, got[id], err)
					}
				}
			})
			synctest.Wait()
		}
		ask(1, 2)
		ask(2, 3)
		ask(3, 4, 4)
		ask(make([]int64, 48)...) // does not fit and goes alone
		wg.Wait()
		slices.SortFunc(calls, func(a, b []int64) int { return len(a) - len(b) })
		if len(calls) != 3 || !slices.Equal(calls[0], []int64{1, 2}) || !slices.Equal(calls[1], []int64{2, 3, 4}) || len(calls[2]) != 48 {
			t.Errorf("calls %v", calls)
		}
		synctest.Wait()
		if l.busy || l.next != nil {
			t.Error("something is kept")
		}
	})
}
