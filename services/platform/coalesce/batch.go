package coalesce

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"douyin.dev/services/platform/fault"
)

// ErrWaitTimeout is the error of a query whose run did not begin within
// BatchConfig.WaitTimeout. It had no effect.
var ErrWaitTimeout = errors.New("waited too long for a shared run to begin")

// batchTimeout bounds one run of a batch.
const batchTimeout = 10 * time.Second

// BatchConfig says how the queries of a Batch are run.
type BatchConfig[Q, A any] struct {
	// Run answers 1 to Max queries, in their order.
	Run func(context.Context, []Q) ([]A, error)
	Max int
	// Key keeps queries apart: those with equal keys never share a run, so that the
	// second sees the first one's effect. nil lets all share.
	Key func(Q) any
	// Writes says that a run changes something: a query whose caller leaves during its
	// run has an unknown outcome.
	Writes bool
	// FailsAlike reports whether an error of a run would be that of each of its queries
	// alone, so that they all fail with it. After any other, each is run alone. nil for
	// no such error.
	FailsAlike func(error) bool
	// WaitTimeout bounds the wait for a run to begin. It is looked at between two runs,
	// since a timer for each caller would cost every caller. 0 for no limit but that of
	// each caller's context.
	WaitTimeout time.Duration
}

// Batch runs queries that arrive together in one run, so that they share a round
// trip or a commit while each caller still gets its own answer. While a run is
// under way, later queries gather for the next: a run grows with the load and a lone
// query waits for nothing.
//
// It is safe for concurrent use and owns no goroutine while idle.
type Batch[Q, A any] struct {
	config BatchConfig[Q, A]

	mu      sync.Mutex
	waiting []*batchCall[Q, A] // in the order of their arrival
	left    int                // calls in waiting whose callers have left
	running bool
}

type batchCall[Q, A any] struct {
	ctx    context.Context
	query  Q
	answer A
	err    error
	done   chan struct{}
	since  time.Time // set where WaitTimeout is

	// Both belong to the batch's mutex: a call begins, or its caller leaves before that.
	begun, left bool
}

// NewBatch returns a batch that runs nothing yet.
func NewBatch[Q, A any](c BatchConfig[Q, A]) *Batch[Q, A] {
	if c.FailsAlike == nil {
		c.FailsAlike = func(error) bool { return false }
	}
	return &Batch[Q, A]{config: c}
}

// Do answers q from a run it shares with others. When ctx ends before the run
// began, q is taken out of it and had no effect. When ctx ends later, the run
// goes on, and the outcome of a write is fault.OutcomeUnknown.
func (b *Batch[Q, A]) Do(ctx context.Context, q Q) (A, error) {
	c := &batchCall[Q, A]{ctx: ctx, query: q, done: make(chan struct{})}
	b.mu.Lock()
	if b.config.WaitTimeout > 0 {
		c.since = time.Now() // in here: waiting is in the order of since
	}
	b.waiting = append(b.waiting, c)
	start := !b.running
	b.running = true
	b.mu.Unlock()
	if start {
		go b.drain()
	}
	select {
	case <-c.done:
		return c.answer, c.err
	case <-ctx.Done():
		var zero A
		return zero, b.leave(c)
	}
}

// leave returns what a call's caller that gives up knows of it.
func (b *Batch[Q, A]) leave(c *batchCall[Q, A]) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	ended := c.ctx.Err()
	err := fmt.Errorf("wait for a shared run: %w", ended)
	switch {
	case c.begun && b.config.Writes:
		return fault.OutcomeUnknown(err)
	case c.begun:
		return err
	}
	c.left = true
	b.left++
	if errors.Is(ended, context.DeadlineExceeded) {
		return fault.Unavailable(err)
	}
	return err
}

// drain makes runs until no call waits.
func (b *Batch[Q, A]) drain() {
	for {
		late, batch := b.next()
		fail(late, ErrWaitTimeout)
		if batch == nil {
			return
		}
		b.do(batch)
	}
}

// next takes out of the queue the calls that waited too long, and those of the next
// run: the oldest with distinct keys, at most Max.
func (b *Batch[Q, A]) next() (late, batch []*batchCall[Q, A]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dropLeft()
	late = b.takeLate()
	if len(b.waiting) == 0 {
		b.waiting, b.running = nil, false
		return late, nil
	}
	if b.config.Key == nil {
		n := min(len(b.waiting), b.config.Max)
		batch, b.waiting = b.waiting[:n:n], b.waiting[n:]
	} else {
		batch = b.takeDistinct()
	}
	for _, c := range batch {
		c.begun = true
	}
	return late, batch
}

// dropLeft removes the calls whose callers have left.
func (b *Batch[Q, A]) dropLeft() {
	if b.left == 0 {
		return
	}
	b.waiting = slices.DeleteFunc(b.waiting, func(c *batchCall[Q, A]) bool { return c.left })
	b.left = 0
}

// takeLate takes the calls that have waited for WaitTimeout.
func (b *Batch[Q, A]) takeLate() []*batchCall[Q, A] {
	if b.config.WaitTimeout <= 0 {
		return nil
	}
	n, now := 0, time.Now()
	for n < len(b.waiting) && now.Sub(b.waiting[n].since) >= b.config.WaitTimeout {
		n++
	}
	late := b.waiting[:n:n]
	b.waiting = b.waiting[n:]
	return late
}

// takeDistinct takes the oldest calls with distinct keys, at most Max.
func (b *Batch[Q, A]) takeDistinct() []*batchCall[Q, A] {
	var batch, later []*batchCall[Q, A]
	seen := make(map[any]struct{}, len(b.waiting))
	for _, c := range b.waiting {
		k := b.config.Key(c.query)
		if _, twice := seen[k]; twice || len(batch) == b.config.Max {
			later = append(later, c)
		} else {
			batch = append(batch, c)
		}
		seen[k] = struct{}{}
	}
	b.waiting = later
	return batch
}

// do runs a batch. When a batch of several fails for a reason that is not that of
// all, each is run alone, so that one bad query fails only itself. That the run took
// too long is such a reason: the same calls may come again together, and would for
// ever take too long. What may have happened is not done again.
func (b *Batch[Q, A]) do(batch []*batchCall[Q, A]) {
	late, err := b.attempt(batch)
	switch {
	case err == nil:
	case len(batch) == 1, fault.IsOutcomeUnknown(err), !late && b.config.FailsAlike(err):
		fail(batch, err)
	default:
		b.doEach(batch, late, err)
	}
}

// doEach runs each call of a failed batch alone. After a run that took too long
// it leaves out those whose callers are gone: an RPC has by default no more time,
// so a store that hangs does not keep later calls waiting for a run per call.
func (b *Batch[Q, A]) doEach(batch []*batchCall[Q, A], late bool, err error) {
	for _, c := range batch {
		alone := []*batchCall[Q, A]{c}
		if late && c.ctx.Err() != nil {
			fail(alone, err)
			continue
		}
		b.do(alone)
	}
}

func fail[Q, A any](batch []*batchCall[Q, A], err error) {
	for _, c := range batch {
		c.err = err
		close(c.done)
	}
}

// attempt answers all calls of a batch, or fails and answers none. late says that
// the run was out of time.
func (b *Batch[Q, A]) attempt(batch []*batchCall[Q, A]) (late bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("shared run panicked: %v", p)
		}
	}()
	// The run's spans belong to the first caller's trace.
	ctx := trace.ContextWithSpan(context.Background(), trace.SpanFromContext(batch[0].ctx))
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	queries := make([]Q, len(batch))
	for i, c := range batch {
		queries[i] = c.query
	}
	answers, err := b.config.Run(ctx, queries)
	if err != nil {
		return ctx.Err() != nil, err
	}
	if len(answers) != len(batch) {
		return false, fmt.Errorf("shared run gave %d answers to %d queries", len(answers), len(batch))
	}
	for i, c := range batch {
		c.answer = answers[i]
		close(c.done)
	}
	return false, nil
}
