package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Client is what one connection does again and again. One goroutine uses it.
type Client interface {
	// Next returns the bytes of the next request, valid until the call after it.
	Next() []byte
	// Quick checks the answer to the last request, cheaply: it runs for each.
	Quick(a Answer) error
	// Done tells how the last request ended, before the next is asked for.
	Done(err error)
	// Judge returns the whole check of the last request's answer. It runs after the load.
	Judge() func(a Answer) error
}

// Options say what to send.
type Options struct {
	Dial        Dial
	Connections int
	// Warmup comes before the measured Duration.
	Warmup, Duration time.Duration
	// Rate is how many requests are due per second; 0 makes a closed loop.
	Rate float64
	// Sample is one in how many answers is kept and judged; 0 for none.
	Sample int
	// Client makes the client of a connection, numbered from 0.
	Client func(connection int) Client
	// Begin and End are called at the borders of the measured time, for instance to read processor times.
	Begin, End func()
}

// Result is what was measured.
type Result struct {
	Connections int `json:"connections"`
	// Rate is the intended rate of an open loop, per second; 0 for a closed one.
	Rate float64 `json:"intended_per_second,omitempty"`
	// Seconds measured.
	Seconds float64 `json:"seconds"`
	// Requests answered rightly within the measured time.
	Requests int64 `json:"requests"`
	// Answered rightly at any time, the warm-up included.
	Answered int64 `json:"answered"`
	// PerSecond is Requests over Seconds: errors never count.
	PerSecond float64 `json:"per_second"`
	Errors    int64   `json:"errors"`
	// Sampled answers were judged whole; Wrong of them were wrong.
	Sampled int64   `json:"sampled"`
	Wrong   int64   `json:"wrong"`
	Latency Latency `json:"latency_ms"`
	// Examples of errors and wrong answers, each text once.
	Examples []string `json:"examples,omitempty"`
}

// Failed reports whether the numbers must not be believed.
func (r *Result) Failed() bool { return r.Errors > 0 || r.Wrong > 0 || r.Requests == 0 }

const (
	// grace is how long requests under way at the end are waited for.
	grace = 10 * time.Second
	// errorPause keeps a connection that is refused from spinning.
	errorPause = 5 * time.Millisecond
	// maxExamples of what went wrong are told.
	maxExamples = 5
)

// run is one load.
type run struct {
	o                 Options
	start, begin, end time.Time // of the warm-up, of the measured time, and its end
	due               atomic.Int64
}

// Run sends load and returns what was measured, when every request is answered or given up.
func Run(ctx context.Context, o Options) (*Result, error) {
	if o.Connections < 1 || o.Duration <= 0 || o.Client == nil || o.Dial == nil {
		return nil, errors.New("load needs a server, connections, a duration and clients")
	}
	r := &run{o: o, start: time.Now()}
	r.begin = r.start.Add(o.Warmup)
	r.end = r.begin.Add(o.Duration)
	workers := make([]*worker, o.Connections)
	var all sync.WaitGroup
	for i := range workers {
		workers[i] = &worker{run: r, conn: newConn(o.Dial), client: o.Client(i), histogram: NewHistogram()}
		all.Go(func() { workers[i].work(ctx) })
	}
	giveUp := time.AfterFunc(time.Until(r.end)+grace, func() {
		for _, w := range workers {
			w.conn.close()
		}
	})
	defer giveUp.Stop()
	hook(ctx, r.begin, o.Begin)
	hook(ctx, r.end, o.End)
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	return r.sum(workers), nil
}

// hook waits until at and calls fn.
func hook(ctx context.Context, at time.Time, fn func()) {
	if pause(ctx, time.Until(at)) && fn != nil {
		fn()
	}
}

// pause waits and reports whether it did so to the end.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func (r *run) sum(workers []*worker) *Result {
	result := &Result{Connections: r.o.Connections, Rate: r.o.Rate, Seconds: r.o.Duration.Seconds()}
	histogram := NewHistogram()
	for _, w := range workers {
		w.conn.close()
		w.judge()
		histogram.Merge(w.histogram)
		result.Requests += w.requests
		result.Answered += w.answered
		result.Errors += w.errors
		result.Sampled += int64(len(w.samples))
		result.Wrong += w.wrong
		for _, e := range w.examples {
			if len(result.Examples) < maxExamples && !slices.Contains(result.Examples, e) {
				result.Examples = append(result.Examples, e)
			}
		}
	}
	result.PerSecond = float64(result.Requests) / result.Seconds
	result.Latency = histogram.Latency()
	return result
}
