package client

import (
	"context"
	"fmt"
	"sync"
)

// Turns lets a bounded number of calls of each client go on at a time; further
// calls of the same client wait. Calls of other clients are not in its way: where
// all clients share a queue behind it, none of them has more than limit calls in
// that queue. A client without calls takes no memory. It is safe for concurrent use.
type Turns struct {
	limit int

	mu      sync.Mutex
	clients map[Key]*turns
}

// turns are the calls of one client.
type turns struct {
	goingOn chan struct{} // holds a value for each
	calls   int           // that go on or wait
}

// NewTurns returns Turns of limit calls per client; 0 is no limit.
func NewTurns(limit int) *Turns {
	return &Turns{limit: limit, clients: map[Key]*turns{}}
}

// Wait returns when the call may go on; leave ends it. It returns an error when
// ctx ends first.
func (t *Turns) Wait(ctx context.Context, k Key) (leave func(), err error) {
	if t.limit <= 0 {
		return func() {}, nil
	}
	c := t.join(k)
	select {
	case c.goingOn <- struct{}{}:
		return func() {
			<-c.goingOn
			t.part(k, c)
		}, nil
	case <-ctx.Done():
		t.part(k, c)
		return nil, fmt.Errorf("wait for a call of the same client: %w", ctx.Err())
	}
}

func (t *Turns) join(k Key) *turns {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.clients[k]
	if c == nil {
		c = &turns{goingOn: make(chan struct{}, t.limit)}
		t.clients[k] = c
	}
	c.calls++
	return c
}

func (t *Turns) part(k Key, c *turns) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.calls--; c.calls == 0 {
		delete(t.clients, k)
	}
}
