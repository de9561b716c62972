package coalesce

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A query whose run does not begin in time fails and is not run, and no caller waits
// longer than that and the run under way.
func TestAQueryWaitsForItsRunNoLongerThanItMay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit, runTime, waitTimeout, callers = 4, 15 * time.Millisecond, 40 * time.Millisecond, 100
		ran := map[int]bool{}
		b := NewBatch(BatchConfig[int, int]{Max: limit, WaitTimeout: waitTimeout, Run: func(_ context.Context, qs []int) ([]int, error) {
			time.Sleep(runTime)
			for _, q := range qs {
				ran[q] = true
			}
			return qs, nil
		}})
		var all sync.WaitGroup
		errs := make([]error, callers)
		began := time.Now()
		for i := range callers {
			all.Go(func() {
				_, errs[i] = b.Do(t.Context(), i)
				if waited := time.Since(began); waited > waitTimeout+2*runTime {
					t.Errorf("query %d took %v", i, waited)
				}
			})
		}
		all.Wait()
		synctest.Wait()
		answered := 0
		for i, err := range errs {
			if err == nil {
				answered++
			} else if !errors.Is(err, ErrWaitTimeout) {
				t.Errorf("query %d: %v", i, err)
			}
			if ran[i] != (err == nil) {
				t.Errorf("query %d was run: %v, and its caller got %v", i, ran[i], err)
			}
		}
		if answered < limit || answered == callers {
			t.Errorf("%d of %d queries were run", answered, callers)
		}
		if b.running || b.waiting != nil {
			t.Error("calls still wait")
		}
	})
}

// The oldest queries are run first, and no run has more than it may.
func TestARunHasTheOldestQueriesAndNoMoreThanItMay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var runs [][]int
		b := NewBatch(BatchConfig[int, int]{Max: 3, Run: func(_ context.Context, qs []int) ([]int, error) {
			<-gate
			runs = append(runs, qs)
			return qs, nil
		}})
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() { _, _ = b.Do(t.Context(), i) })
			synctest.Wait() // it waits
		}
		close(gate)
		all.Wait()
		if got, want := fmt.Sprint(runs), "[[0] [1 2 3] [4 5 6] [7]]"; got != want {
			t.Errorf("runs %s, want %s", got, want)
		}
	})
}

func TestAnErrorOfAllIsNotTriedAgainForEach(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate, away, runs := make(chan struct{}), errors.New("away"), 0
		b := NewBatch(BatchConfig[int, int]{
			Max: 8, FailsAlike: func(err error) bool { return errors.Is(err, away) },
			Run: func(context.Context, []int) ([]int, error) {
				if runs++; runs == 1 {
					<-gate
				}
				return nil, away
			},
		})
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				if _, err := b.Do(t.Context(), i); !errors.Is(err, away) {
					t.Errorf("query %d: %v", i, err)
				}
			})
			synctest.Wait()
		}
		close(gate)
		all.Wait()
		if runs != 2 {
			t.Errorf("%d runs, want 2", runs)
		}
	})
}

func BenchmarkBatch(b *testing.B) {
	batch := NewBatch(BatchConfig[int, int]{Max: 64, Run: func(_ context.Context, qs []int) ([]int, error) { return qs, nil }})
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = batch.Do(b.Context(), 1)
		}
	})
	b.Run("64 callers", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, _ = batch.Do(context.Background(), 1)
			}
		})
	})
}
