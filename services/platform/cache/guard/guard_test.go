package guard_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"douyin.dev/services/platform/cache/guard"
)

var errBroken = errors.New("connection broke")

func works(context.Context) (int, error)  { return 7, nil }
func breaks(context.Context) (int, error) { return 0, errBroken }

// connecting does not look at its context for a minute, like a client that dials.
func connecting(context.Context) (int, error) {
	time.Sleep(time.Minute)
	return 0, errBroken
}

func TestDeadRedisIsNotAskedAgainAndAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := guard.New(20 * time.Millisecond)
		for range 3 {
			if _, err := guard.Do(t.Context(), g, breaks); !errors.Is(err, errBroken) {
				t.Fatalf("got %v", err)
			}
		}
		if _, err := guard.Do(t.Context(), g, works); !errors.Is(err, guard.ErrOpen) {
			t.Errorf("after three failures: got %v, want ErrOpen", err)
		}
		time.Sleep(2 * time.Second)
		if v, err := guard.Do(t.Context(), g, works); v != 7 || err != nil {
			t.Errorf("after the pause: got %d, %v", v, err)
		}
		if v, err := guard.Do(t.Context(), g, works); v != 7 || err != nil {
			t.Errorf("closed again: got %d, %v", v, err)
		}
	})
}

func TestSlowRedisCostsTheDeadlineAndNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := guard.New(20 * time.Millisecond)
		began := time.Now()
		for range 3 {
			if _, err := guard.Do(t.Context(), g, connecting); !errors.Is(err, guard.ErrSlow) {
				t.Errorf("got %v, want ErrSlow", err)
			}
		}
		for range 100 {
			if _, err := guard.Do(t.Context(), g, connecting); !errors.Is(err, guard.ErrOpen) {
				t.Errorf("got %v, want ErrOpen", err)
			}
		}
		if took := time.Since(began); took != 60*time.Millisecond {
			t.Errorf("took %v, want three deadlines", took)
		}
		time.Sleep(2 * time.Minute) // the abandoned calls end, and count no second time
		if _, err := guard.Do(t.Context(), g, works); err != nil {
			t.Error(err)
		}
	})
}

// A caller that leaves must not leave the breaker waiting for its verdict.
func TestImpatientCallerDoesNotDecide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := guard.New(20 * time.Millisecond)
		for range 3 {
			_, _ = guard.Do(t.Context(), g, breaks)
		}
		time.Sleep(2 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := guard.Do(ctx, g, func(context.Context) (int, error) { time.Sleep(5 * time.Millisecond); return 7, nil })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the caller's own deadline", err)
		}
		time.Sleep(10 * time.Millisecond)
		if _, err := guard.Do(t.Context(), g, works); err != nil {
			t.Errorf("the try that nobody waited for succeeded, so: %v", err)
		}
	})
}
