package rpc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"douyin.dev/services/platform/pause"
)

const (
	// maxTries bounds the tries of one call, the first included.
	maxTries = 3
	// firstPause and longestPause bound the pause before a retry. It is drawn
	// evenly from zero to the bound ("full jitter"), which doubles each time.
	firstPause   = 25 * time.Millisecond
	longestPause = 250 * time.Millisecond

	// Retries cost at most a fifth of the calls: each call earns a part of a
	// retry, and what was not spent is kept up to a bound.
	callsPerRetry = 5
	savedRetries  = 20

	// A breaker opens when half of the calls of ten seconds, and at least
	// twenty, found nobody; after a second it lets a call through to see.
	breakerRate     = 0.5
	breakerLeast    = 20
	breakerWindow   = 10 * time.Second
	breakerPause    = time.Second
	breakerRestored = 2
	// slowCall is how long a call must have taken for its end by a deadline to say
	// something about the service. Clients choose deadlines too, and one of a
	// millisecond must not stop the calls of others.
	slowCall = 100 * time.Millisecond
)

// resilience is the one place where calls between services are repeated or not
// made at all. Streams are neither: their callers resume them from where they were.
//
// Here is also where a call becomes one of unknown outcome on its way: when it may
// have arrived at a service that changes something, and no answer came back.
//
// A call is repeated when nothing of it was sent, or when it only reads (its
// idempotency level says so) and its service was not available. It is not made
// at all while its service cannot be reached, or does not answer in time. A service
// that answers can be reached, whatever it answers: one whose database is down
// still has what it remembers.
type resilience struct {
	retries metric.Int64Counter
	refused metric.Int64Counter

	mu    sync.RWMutex
	known map[string]*dependency
}

// dependency is what is known of one service.
type dependency struct {
	breaker circuitbreaker.CircuitBreaker[any]
	budget  budget
	label   metric.MeasurementOption
}

func newResilience(meters metric.MeterProvider) (*resilience, error) {
	meter := meters.Meter("douyin.dev/rpc")
	retries, err := meter.Int64Counter("douyin_rpc_retries", metric.WithDescription("Calls made again, by service."))
	if err != nil {
		return nil, fmt.Errorf("rpc metrics: %w", err)
	}
	refused, err := meter.Int64Counter("douyin_rpc_refused",
		metric.WithDescription("Calls not made because their service could not be reached, by service."))
	if err != nil {
		return nil, fmt.Errorf("rpc metrics: %w", err)
	}
	return &resilience{retries: retries, refused: refused, known: map[string]*dependency{}}, nil
}

func (r *resilience) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		d := r.dependency(req.Spec().Procedure)
		d.budget.earn()
		for try := 1; ; try++ {
			if err := ctx.Err(); err != nil {
				return nil, tooLate(err)
			}
			res, err := r.once(ctx, d, req, next)
			if err == nil || try == maxTries || !repeatable(req.Spec(), err) {
				return res, outcomeOf(req.Spec(), err)
			}
			if !worthAPause(ctx, try) || !d.budget.spend() {
				return res, outcomeOf(req.Spec(), err)
			}
			r.retries.Add(ctx, 1, d.label)
		}
	}
}

// once makes a call if its service can be reached, and notes whether it could.
func (r *resilience) once(ctx context.Context, d *dependency, req connect.AnyRequest, next connect.UnaryFunc) (connect.AnyResponse, error) {
	if !d.breaker.TryAcquirePermit() {
		r.refused.Add(ctx, 1, d.label)
		return nil, connect.NewError(connect.CodeUnavailable, errNotReached)
	}
	began := time.Now()
	res, err := next(ctx, req)
	switch {
	case err == nil:
		d.breaker.RecordSuccess()
	case errors.Is(ctx.Err(), context.Canceled):
		d.recordNothing() // also where the service says that its caller left
	case connect.CodeOf(err) == connect.CodeDeadlineExceeded:
		// The service may have noticed first that the time was over: as good as no answer.
		if time.Since(began) < slowCall {
			d.recordNothing()
			break
		}
		d.breaker.RecordFailure()
	case connect.IsWireError(err):
		d.breaker.RecordSuccess()
	case connect.CodeOf(err) == connect.CodeUnavailable:
		d.breaker.RecordFailure()
	default:
		d.recordNothing()
	}
	return res, err
}

// recordNothing ends a call that says nothing about its service. A trial must say
// something, and then the next one will.
func (d *dependency) recordNothing() {
	if d.breaker.IsHalfOpen() {
		d.breaker.RecordFailure()
	}
}

// tooLate is the error of a call that is not made because its caller's time is over.
func tooLate(ended error) error {
	if errors.Is(ended, context.DeadlineExceeded) {
		return connect.NewError(connect.CodeDeadlineExceeded, ended)
	}
	return connect.NewError(connect.CodeCanceled, ended)
}

// errNotReached is the answer while a breaker is open.
var errNotReached = errors.New("service could not be reached a moment ago")

// repeatable reports whether a call may be made again after err.
func repeatable(spec connect.Spec, err error) bool {
	switch {
	case connect.CodeOf(err) != connect.CodeUnavailable || errors.Is(err, errNotReached):
		return false
	case errors.Is(err, errNoAddress):
		return false // it has waited for one
	case NotSent(err):
		return true
	default:
		return spec.IdempotencyLevel == connect.IdempotencyNoSideEffects
	}
}

// worthAPause waits before the retry after a number of tries. It reports false
// at once when the caller's deadline would come first, and when ctx ends.
func worthAPause(ctx context.Context, tries int) bool {
	wait := rand.N(min(firstPause<<(tries-1), longestPause))
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false
	}
	return pause.For(ctx, wait)
}

// dependency returns what is known of a procedure's service.
func (r *resilience) dependency(procedure string) *dependency {
	service, _, _ := strings.Cut(strings.TrimPrefix(procedure, "/"), "/")
	r.mu.RLock()
	d := r.known[service]
	r.mu.RUnlock()
	if d != nil {
		return d
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.known[service]; d != nil {
		return d
	}
	d = &dependency{
		label: metric.WithAttributeSet(attribute.NewSet(attribute.String("service", service))),
		breaker: circuitbreaker.NewBuilder[any]().
			WithFailureRateThreshold(breakerRate, breakerLeast, breakerWindow).
			WithDelay(breakerPause).
			WithSuccessThreshold(breakerRestored).
			Build(),
	}
	r.known[service] = d
	return d
}

// budget counts retries in parts of one. It begins empty, so that the retries
// of a service never exceed a fifth of its calls.
type budget struct{ parts atomic.Int64 }

// earn adds what a call earns.
func (b *budget) earn() {
	if b.parts.Load() < savedRetries*callsPerRetry {
		b.parts.Add(1)
	}
}

// spend takes a whole retry, if there is one.
func (b *budget) spend() bool {
	for {
		have := b.parts.Load()
		if have < callsPerRetry {
			return false
		}
		if b.parts.CompareAndSwap(have, have-callsPerRetry) {
			return true
		}
	}
}
