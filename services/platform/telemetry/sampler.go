package telemetry

import (
	"fmt"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// traceBurst is for how long traces may be saved up: after a quiet time that many
// seconds' worth is recorded at once, and one trace at least.
const traceBurst = 2 * time.Second

// asked lets no trace begin with a call to somebody else: that is a loop looking at
// Redis or Postgres again, for nobody, and many of them would push out the traces
// of what clients asked for.
type asked struct{ sdktrace.Sampler }

// ShouldSample implements sdktrace.Sampler.
func (a asked) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if p.Kind == trace.SpanKindClient {
		return sdktrace.SamplingResult{Decision: sdktrace.Drop}
	}
	return a.Sampler.ShouldSample(p)
}

// bounded lets through, of the traces another sampler would record, at most so many
// a second. A process that is asked little records all that happens in it, and one
// that is asked a lot does not spend itself on telling of it. It is safe for
// concurrent use and holds no lock.
type bounded struct {
	next sdktrace.Sampler
	// every is the time one trace uses up.
	every time.Duration
	now   func() time.Time
	// used is the Unix time in nanoseconds up to which traces have used time up.
	used atomic.Int64
}

// newBounded returns a sampler of at most perSecond traces; 0 for no bound.
func newBounded(next sdktrace.Sampler, perSecond float64, now func() time.Time) sdktrace.Sampler {
	if perSecond <= 0 {
		return next
	}
	return &bounded{next: next, every: time.Duration(float64(time.Second) / perSecond), now: now}
}

// ShouldSample implements sdktrace.Sampler.
func (b *bounded) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	result := b.next.ShouldSample(p)
	if result.Decision == sdktrace.RecordAndSample && !b.take() {
		return sdktrace.SamplingResult{Decision: sdktrace.Drop, Tracestate: trace.SpanContextFromContext(p.ParentContext).TraceState()}
	}
	return result
}

// take uses up the time of one trace, if there is any. What is saved up is enough
// for one trace also when one uses up more than traceBurst.
func (b *bounded) take() bool {
	now, saved := b.now().UnixNano(), int64(max(traceBurst, b.every))
	for {
		used := b.used.Load()
		next := max(used, now-saved) + int64(b.every)
		if next > now {
			return false
		}
		if b.used.CompareAndSwap(used, next) {
			return true
		}
	}
}

// Description implements sdktrace.Sampler.
func (b *bounded) Description() string {
	return fmt.Sprintf("Bounded{%s,%s}", b.next.Description(), b.every)
}
