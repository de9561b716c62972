package app

import (
	"context"
	"math"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

func TestGarbageIsCollectedAsGoWouldWhenMuchIsInUse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		inUseMiB uint64
		percent  int
		limit    int64
	}{
		{0, lateGC, memoryAim}, {100, lateGC, memoryAim}, {101, goGC, math.MaxInt64}, {4000, goGC, math.MaxInt64},
	} {
		if percent, limit := garbageAllowed(c.inUseMiB << 20); percent != c.percent || limit != c.limit {
			t.Errorf("%d MiB in use: %d %%, limit %d, want %d %%, %d", c.inUseMiB, percent, limit, c.percent, c.limit)
		}
	}
}

func TestMemoryIsSpentUntilTheEnd(t *testing.T) { // not in parallel: it is the process's setting
	for name, want := range map[string]int64{"": memoryAim, "1GiB": math.MaxInt64} {
		t.Setenv("GOGC", "")
		t.Setenv("GOMEMLIMIT", name)
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- spendMemory(ctx) }()
			time.Sleep(gcEvery + time.Second)
			if limit := debug.SetMemoryLimit(-1); limit != want {
				t.Errorf("GOMEMLIMIT=%s: limit %d, want %d", name, limit, want)
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
				t.Errorf("GOMEMLIMIT=%s: limit %d afterwards", name, limit)
			}
		})
	}
}
