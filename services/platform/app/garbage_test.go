package app

import (
	"context"
	"math"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

const mib = 1 << 20

func TestGarbageIsCollectedAsGoWouldWhenMuchIsInUse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		inUse, limit int64
		percent      int
		want         int64
	}{
		{0, math.MaxInt64, lateGC, 100 * mib},
		{40 * mib, math.MaxInt64, lateGC, 100 * mib},
		{41 * mib, math.MaxInt64, goGC, math.MaxInt64},
		{4000 * mib, math.MaxInt64, goGC, math.MaxInt64},
		{10 * mib, 50 * mib, lateGC, 50 * mib}, // a small container
		{41 * mib, 50 * mib, goGC, 50 * mib},
	} {
		s := spender{aim: 100 * mib, limit: c.limit}
		if percent, limit := s.allow(c.inUse); percent != c.percent || limit != c.want {
			t.Errorf("%d bytes in use, limit %d: %d %%, limit %d, want %d %%, %d", c.inUse, c.limit, percent, limit, c.percent, c.want)
		}
	}
}

func TestMemoryIsSpentUntilTheEnd(t *testing.T) { // not in parallel: it is the process's setting
	for _, c := range []struct {
		variable string
		want     int64
	}{{"", wholeMemory}, {"GOMEMLIMIT", 1024 * mib}, {"GOGC", 1024 * mib}} {
		t.Setenv("GOGC", "")
		t.Setenv("GOMEMLIMIT", "")
		if c.variable != "" {
			t.Setenv(c.variable, "50")
		}
		before := debug.SetMemoryLimit(1024 * mib)
		t.Cleanup(func() { debug.SetMemoryLimit(before) })
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- spendMemory(ctx, wholeMemory) }()
			time.Sleep(gcEvery + time.Second)
			if limit := debug.SetMemoryLimit(-1); limit != c.want {
				t.Errorf("with %q: limit %d, want %d", c.variable, limit, c.want)
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if limit := debug.SetMemoryLimit(-1); limit != 1024*mib {
				t.Errorf("with %q: limit %d afterwards", c.variable, limit)
			}
		})
	}
}
