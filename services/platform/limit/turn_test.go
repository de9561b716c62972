package limit

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"douyin.dev/services/platform/cache/guard"
)

// slowRedis answers just before the deadline of 20 ms, so the guard stays closed.
type slowRedis struct {
	mu    sync.Mutex
	taken map[string]int
}

func (s *slowRedis) run(_ context.Context, keys, _ []string) ([]int64, error) {
	time.Sleep(15 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys {
		s.taken[k]++
	}
	return make([]int64, len(keys)), nil
}

// crowd takes a token for each of n keys at the same time, and returns what each
// got and the longest time somebody waited.
func crowd(ctx context.Context, l *Limiter, n int) (errs []error, longest time.Duration) {
	errs = make([]error, n)
	waited := make([]time.Duration, n)
	var callers sync.WaitGroup
	for i := range n {
		callers.Go(func() {
			began := time.Now()
			_, errs[i] = l.takeShared(ctx, strconv.Itoa(i), Rate{Burst: 1, PerSecond: 1})
			waited[i] = time.Since(began)
		})
	}
	callers.Wait()
	for _, w := range waited {
		longest = max(longest, w)
	}
	return errs, longest
}

func newSlow(t *testing.T) (*Limiter, *slowRedis) {
	t.Helper()
	l, err := New(nil, Config{})
	if err != nil {
		t.Fatal(err)
	}
	redis := &slowRedis{taken: map[string]int{}}
	l.script = redis.run
	return l, redis
}

// More callers than Redis has answers for: some count in Redis and the others do
// not wait for it, and who counts here took nothing there.
func TestSlowRedisWithACrowdCostsThreeDeadlines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, redis := newSlow(t)
		for range 3 {
			errs, longest := crowd(t.Context(), l, 20*takesAtOnce)
			synctest.Wait()
			if longest > 3*defaultDeadline {
				t.Errorf("somebody waited %v", longest)
			}
			shared := 0
			for i, err := range errs {
				if err == nil {
					shared++
				} else if !errors.Is(err, guard.ErrSlow) {
					t.Fatalf("caller %d: %v", i, err)
				}
				if taken := redis.taken[strconv.Itoa(i)]; (taken == 1) != (err == nil) || taken > 1 {
					t.Errorf("caller %d: %d tokens taken in Redis, and %v", i, taken, err)
				}
			}
			if shared < takesAtOnce || shared == len(errs) {
				t.Errorf("%d of %d counted in Redis", shared, len(errs))
			}
			clear(redis.taken)
		}
	})
}

func TestSlowRedisAnswersAllWhoseTurnComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, _ := newSlow(t)
		errs, _ := crowd(t.Context(), l, 2*takesAtOnce)
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
	})
}
