package pg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect"
	"go.opentelemetry.io/otel/trace"

	"douyin.dev/services/platform/fault"
)

// batchTimeout bounds one run of a batch.
const batchTimeout = 10 * time.Second

// Batcher coalesces calls that arrive together into one run, so that they share
// a statement and a commit while each caller still gets its own answer. While a
// run is under way, later calls gather for the next: the batch grows with the
// load and a lone call waits for nothing.
//
// It is safe for concurrent use and owns no goroutine while idle.
type Batcher[Q, A any] struct {
	max    int
	key    func(Q) any
	run    func(context.Context, []Q) ([]A, error)
	writes bool

	mu      sync.Mutex
	waiting []*batchCall[Q, A]
	left    int // calls in waiting whose callers have left
	running bool
}

type batchCall[Q, A any] struct {
	ctx    context.Context
	query  Q
	answer A
	err    error
	done   chan struct{}

	// Both belong to the batcher's mutex: a call begins, or its caller leaves before that.
	begun, left bool
}

// NewBatcher returns a batcher of reads. run gets 1 to limit queries and answers one
// for each, in order. Queries with equal keys never share a run, so the second
// sees the first one's effect; a nil key lets all share.
func NewBatcher[Q, A any](limit int, key func(Q) any, run func(context.Context, []Q) ([]A, error)) *Batcher[Q, A] {
	return &Batcher[Q, A]{max: limit, key: key, run: run}
}

// NewWriteBatcher returns a batcher like NewBatcher whose runs change something:
// a call whose caller leaves during its run has an unknown outcome.
func NewWriteBatcher[Q, A any](limit int, key func(Q) any, run func(context.Context, []Q) ([]A, error)) *Batcher[Q, A] {
	b := NewBatcher(limit, key, run)
	b.writes = true
	return b
}

// Do answers q from a run it shares with others. When ctx ends before the run
// began, q is taken out of it and had no effect. When ctx ends later, the run
// goes on, and the outcome of a write is fault.OutcomeUnknown.
func (b *Batcher[Q, A]) Do(ctx context.Context, q Q) (A, error) {
	c := &batchCall[Q, A]{ctx: ctx, query: q, done: make(chan struct{})}
	b.mu.Lock()
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
func (b *Batcher[Q, A]) leave(c *batchCall[Q, A]) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	ended := c.ctx.Err()
	err := fmt.Errorf("wait for a shared run: %w", ended)
	switch {
	case c.begun && b.writes:
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

// drain runs batches until nobody waits.
func (b *Batcher[Q, A]) drain() {
	for {
		batch := b.next()
		if batch == nil {
			return
		}
		b.do(batch)
	}
}

// next takes the oldest calls with distinct keys, at most max.
func (b *Batcher[Q, A]) next() []*batchCall[Q, A] {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dropLeft()
	if len(b.waiting) == 0 {
		b.running = false
		return nil
	}
	if b.key == nil && len(b.waiting) <= b.max {
		batch := b.waiting
		b.waiting = nil
		return begin(batch)
	}
	var batch, later []*batchCall[Q, A]
	seen := make(map[any]struct{}, len(b.waiting))
	for _, c := range b.waiting {
		if b.key != nil {
			k := b.key(c.query)
			if _, twice := seen[k]; twice {
				later = append(later, c)
				continue
			}
			seen[k] = struct{}{}
		}
		if len(batch) == b.max {
			later = append(later, c)
			continue
		}
		batch = append(batch, c)
	}
	b.waiting = later
	return begin(batch)
}

// dropLeft removes the calls whose callers have left.
func (b *Batcher[Q, A]) dropLeft() {
	if b.left == 0 {
		return
	}
	b.waiting = slices.DeleteFunc(b.waiting, func(c *batchCall[Q, A]) bool { return c.left })
	b.left = 0
}

func begin[Q, A any](batch []*batchCall[Q, A]) []*batchCall[Q, A] {
	for _, c := range batch {
		c.begun = true
	}
	return batch
}

// do runs a batch. When a batch of several fails for a reason of its own, each
// is run alone, so that one bad query fails only itself. That Postgres is
// unavailable is no such reason, but that the run took too long is: the same
// calls may come again together, and would for ever take too long. What may have
// happened is not done again.
func (b *Batcher[Q, A]) do(batch []*batchCall[Q, A]) {
	late, err := b.attempt(batch)
	switch {
	case err == nil:
	case len(batch) == 1, fault.IsOutcomeUnknown(err), !late && fault.CodeOf(Fault(err)) == connect.CodeUnavailable:
		fail(batch, err)
	default:
		b.doEach(batch, late, err)
	}
}

// doEach runs each call of a failed batch alone. After a run that took too long
// it leaves out those whose callers are gone: an RPC has by default no more time,
// so a Postgres that hangs does not keep later calls waiting for a run per call.
func (b *Batcher[Q, A]) doEach(batch []*batchCall[Q, A], late bool, err error) {
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
func (b *Batcher[Q, A]) attempt(batch []*batchCall[Q, A]) (late bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("shared write panicked: %v", p)
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
	answers, err := b.run(ctx, queries)
	if err != nil {
		return ctx.Err() != nil, err
	}
	if len(answers) != len(batch) {
		return false, fmt.Errorf("shared write gave %d answers to %d queries", len(answers), len(batch))
	}
	for i, c := range batch {
		c.answer = answers[i]
		close(c.done)
	}
	return false, nil
}
