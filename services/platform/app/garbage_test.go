package app

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const mib = 1 << 20

func TestGarbageIsCollectedAsGoWouldWhenMuchIsInUse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		has   memory
		limit int64
		want  settings
	}{
		{memory{}, math.MaxInt64, settings{lateGC, 100 * mib}},
		{memory{inUse: 50 * mib}, math.MaxInt64, settings{lateGC, 100 * mib}},
		{memory{inUse: 51 * mib}, math.MaxInt64, settings{goGC, math.MaxInt64}},
		{memory{inUse: 4000 * mib}, math.MaxInt64, settings{goGC, math.MaxInt64}},
		{memory{inUse: 20 * mib, besides: 60 * mib}, math.MaxInt64, settings{lateGC, 100 * mib}}, // many goroutines
		{memory{inUse: 20 * mib, besides: 61 * mib}, math.MaxInt64, settings{goGC, math.MaxInt64}},
		{memory{inUse: 10 * mib}, 50 * mib, settings{lateGC, 50 * mib}}, // a small container
		{memory{inUse: 51 * mib}, 50 * mib, settings{goGC, 50 * mib}},
	} {
		s := spender{aim: 100 * mib, limit: c.limit}
		if got := s.allow(c.has); got != c.want {
			t.Errorf("%+v, limit %d: %+v, want %+v", c.has, c.limit, got, c.want)
		}
	}
}

// Stacks are memory that no garbage collection frees.
func TestStacksCountBesidesTheHeap(t *testing.T) {
	samples := newSamples()
	before := measure(samples).besides
	const goroutines = 1000
	done := make(chan struct{})
	var deep, end sync.WaitGroup
	for range goroutines {
		deep.Add(1)
		end.Go(func() {
			var frame [24 << 10]byte
			deep.Done()
			<-done
			runtime.KeepAlive(&frame)
		})
	}
	deep.Wait()
	grown := measure(samples).besides - before
	close(done)
	end.Wait()
	if grown < goroutines*24<<10 || grown > goroutines*100<<10 {
		t.Errorf("%d stacks of 32 kiB: %d bytes more besides the heap", goroutines, grown)
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
