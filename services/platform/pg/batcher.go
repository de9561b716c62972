package pg

import (
	"context"
	"fmt"
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
	max int
	key func(Q) any
	run func(context.Context, []Q) ([]A, error)

	mu      sync.Mutex
	waiting []*batchCall[Q, A]
	running bool
}

type batchCall[Q, A any] struct {
	ctx    context.Context
	query  Q
	answer A
	err    error
	done   chan struct{}
}

// NewBatcher returns a batcher. run gets 1 to limit queries and answers one
// for each, in order. Queries with equal keys never share a run, so the second
// sees the first one's effect; a nil key lets all share.
func NewBatcher[Q, A any](limit int, key func(Q) any, run func(context.Context, []Q) ([]A, error)) *Batcher[Q, A] {
	return &Batcher[Q, A]{max: limit, key: key, run: run}
}

// Do answers q from a run it shares with others. When ctx ends first the
// outcome is unknown: the run goes on.
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
		return zero, fmt.Errorf("wait for a shared write: %w", ctx.Err())
	}
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
	if len(b.waiting) == 0 {
		b.running = false
		return nil
	}
	if b.key == nil && len(b.waiting) <= b.max {
		batch := b.waiting
		b.waiting = nil
		return batch
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
	return batch
}

// do runs a batch. When a batch of several fails for a reason of its own, each
// is run alone, so that one bad query fails only itself. That Postgres is
// unavailable is no such reason, but that the run took too long is: the same
// calls may come again together, and would for ever take too long.
func (b *Batcher[Q, A]) do(batch []*batchCall[Q, A]) {
	late, err := b.attempt(batch)
	switch {
	case err == nil:
	case len(batch) == 1, !late && fault.CodeOf(Fault(err)) == connect.CodeUnavailable:
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
