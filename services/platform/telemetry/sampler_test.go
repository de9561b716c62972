package telemetry

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func sampled(s sdktrace.Sampler) bool {
	return s.ShouldSample(sdktrace.SamplingParameters{TraceID: trace.TraceID{1}}).Decision == sdktrace.RecordAndSample
}

func countSampled(s sdktrace.Sampler, tries int) (n int) {
	for range tries {
		if sampled(s) {
			n++
		}
	}
	return n
}

func TestTracesBeyondTheRateAreNotRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBounded(sdktrace.AlwaysSample(), 100, time.Now)
		if got := countSampled(s, 1000); got != 200 {
			t.Errorf("at first %d traces are recorded, want two seconds' worth, 200", got)
		}
		if sampled(s) {
			t.Error("a trace is recorded though all are used up")
		}
		time.Sleep(500 * time.Millisecond)
		if got := countSampled(s, 1000); got != 50 {
			t.Errorf("after half a second %d traces are recorded, want 50", got)
		}
		time.Sleep(time.Hour)
		if got := countSampled(s, 1000); got != 200 {
			t.Errorf("after an hour %d traces are recorded, want 200: no more is saved up", got)
		}
	})
}

// One trace in ten seconds uses up more time than traceBurst.
func TestARateBelowOneTraceABurstStillRecords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBounded(sdktrace.AlwaysSample(), 0.1, time.Now)
		if got := countSampled(s, 100); got != 1 {
			t.Errorf("at first %d traces are recorded, want 1", got)
		}
		time.Sleep(9 * time.Second)
		if got := countSampled(s, 100); got != 0 {
			t.Errorf("before ten seconds are over %d more traces are recorded, want none", got)
		}
		time.Sleep(time.Second)
		if got := countSampled(s, 100); got != 1 {
			t.Errorf("after ten seconds %d more traces are recorded, want 1", got)
		}
		time.Sleep(time.Hour)
		if got := countSampled(s, 100); got != 1 {
			t.Errorf("after an hour %d more traces are recorded, want 1: no more is saved up", got)
		}
	})
}

func TestManyAtOnceRecordNoMoreThanTheRate(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := newBounded(sdktrace.AlwaysSample(), 100, func() time.Time { return now })
	var all sync.WaitGroup
	var total atomic.Int64
	for range 8 {
		all.Go(func() { total.Add(int64(countSampled(s, 100))) })
	}
	all.Wait()
	if got := total.Load(); got != 200 {
		t.Errorf("%d traces are recorded, want 200", got)
	}
}

func TestTracesThatOthersWouldNotRecordUseNothingUp(t *testing.T) {
	t.Parallel()
	s := newBounded(sdktrace.NeverSample(), 100, time.Now).(*bounded)
	if sampled(s) {
		t.Error("a trace is recorded that should not be")
	}
	if used := s.used.Load(); used != 0 {
		t.Errorf("time up to %d is used up", used)
	}
	if got := countSampled(newBounded(sdktrace.AlwaysSample(), 0, time.Now), 1000); got != 1000 {
		t.Errorf("without a bound %d of 1000 traces are recorded", got)
	}
}
