// Package guard bounds what a slow or dead Redis may cost a request: a deadline
// for each call, and after a few failures in a row no calls at all for a while.
//
// Redis holds only what can be rebuilt, so who calls through a guard has another
// way and takes it at once when the guard says no.
package guard

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/redis/rueidis"
)

const (
	// failures in a row open the breaker.
	failures = 3
	// pause is how long it stays open, give or take a fifth; then one call tries.
	pause = time.Second
)

var (
	// ErrOpen says that the last calls failed and this one was not tried.
	ErrOpen = errors.New("redis was not asked: its last calls failed")
	// ErrSlow says that no answer came before the deadline.
	ErrSlow = errors.New("redis took too long")
)

// Guard is safe for concurrent use.
type Guard struct {
	deadline time.Duration
	breaker  circuitbreaker.CircuitBreaker[any]
}

// New returns a guard that gives each call the time of deadline.
func New(deadline time.Duration) *Guard {
	return &Guard{deadline: deadline, breaker: circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(failures).
		WithSuccessThreshold(1).
		WithDelay(pause).
		WithJitter(pause / 5).
		Build()}
}

// Do calls fn and returns its answer, or ErrOpen, ErrSlow or the error of ctx.
// An answer that is a Redis error proves that Redis lives, and does not count
// as a failure.
//
// fn runs on a goroutine of its own, which ends when Redis answers or the
// client gives up: the client obeys contexts, except while it connects. fn must
// not write to what its caller reads.
func Do[T any](ctx context.Context, g *Guard, fn func(context.Context) (T, error)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	if !g.breaker.TryAcquirePermit() {
		return zero, ErrOpen
	}
	type answer struct {
		value T
		err   error
	}
	// The caller's own end says nothing about Redis, so it does not end the call.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.deadline)
	verdict := &verdict{breaker: g.breaker}
	answers := make(chan answer, 1)
	go func() {
		defer cancel()
		value, err := fn(bounded)
		verdict.give(alive(err))
		answers <- answer{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		return zero, ctx.Err()
	case <-bounded.Done():
	}
	select {
	case a := <-answers: // the end of the call also ends bounded
		return a.value, a.err
	default:
		verdict.give(false)
		return zero, fmt.Errorf("%w: more than %v", ErrSlow, g.deadline)
	}
}

func alive(err error) bool {
	if err == nil {
		return true
	}
	_, answered := rueidis.IsRedisErr(err)
	return answered
}

// verdict tells the breaker once how a call went.
type verdict struct {
	breaker circuitbreaker.CircuitBreaker[any]
	given   atomic.Bool
}

func (v *verdict) give(ok bool) {
	switch {
	case v.given.Swap(true):
	case ok:
		v.breaker.RecordSuccess()
	default:
		v.breaker.RecordFailure()
	}
}
