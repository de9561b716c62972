package gateway

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// Reads that many clients make at once are made once for all of them. Nothing
// is kept: whoever comes while a read is under way does not join it, since it
// may have begun before a write they know of, but waits for the next one, which
// begins when this one ends and answers all who wait. So every answer is as
// fresh as if it had been read alone, nobody waits when there is no crowd, and
// the work under load is bounded by the reads' own speed, not by the crowd.

const (
	// turnPatience bounds how long a caller waits for a turn it shares; then it
	// reads alone. One read that hangs must not hold all.
	turnPatience = time.Second
	// turnDeadline bounds a shared read: it does not end with any one caller.
	turnDeadline = 5 * time.Second
)

// turn is a read that waits to begin, and what came of it.
type turn[Ask, Answer any] struct {
	ctx    context.Context // of the first caller, for its trace
	ask    Ask
	done   chan struct{}
	answer Answer
	err    error
}

func newTurn[Ask, Answer any](ctx context.Context, ask Ask) *turn[Ask, Answer] {
	return &turn[Ask, Answer]{ctx: context.WithoutCancel(ctx), ask: ask, done: make(chan struct{})}
}

// take reads. It runs in a goroutine of its own, so a panic ends here and is
// an error to all who wait.
func (t *turn[Ask, Answer]) take(read func(context.Context, Ask) (Answer, error)) {
	ctx, cancel := context.WithTimeout(t.ctx, turnDeadline)
	defer cancel()
	defer close(t.done)
	defer func() {
		if v := recover(); v != nil {
			t.err = fmt.Errorf("shared read panicked: %v\n%s", v, debug.Stack())
		}
	}()
	t.answer, t.err = read(ctx, t.ask)
}

// wait waits for the answer; false when the caller should read alone.
func (t *turn[Ask, Answer]) wait(ctx context.Context) (Answer, error, bool) {
	patience := time.NewTimer(turnPatience)
	defer patience.Stop()
	var none Answer
	select {
	case <-t.done:
		return t.answer, t.err, true
	case <-ctx.Done():
		return none, ctx.Err(), true
	case <-patience.C:
		return none, nil, false
	}
}

// sharing makes reads with equal keys together. It is safe for concurrent use;
// the answers are shared, so nobody may change them.
type sharing[Key comparable, Answer any] struct {
	mu    sync.Mutex
	under map[Key]*turn[func(context.Context) (Answer, error), Answer] // the turn that waits; nil for none
}

func newSharing[Key comparable, Answer any]() *sharing[Key, Answer] {
	return &sharing[Key, Answer]{under: map[Key]*turn[func(context.Context) (Answer, error), Answer]{}}
}

func (s *sharing[Key, Answer]) do(ctx context.Context, key Key, read func(context.Context) (Answer, error)) (Answer, error) {
	s.mu.Lock()
	next, busy := s.under[key]
	if !busy {
		s.under[key] = nil
		s.mu.Unlock()
		defer s.end(key)
		return read(ctx)
	}
	if next == nil {
		next = newTurn[func(context.Context) (Answer, error), Answer](ctx, read)
		s.under[key] = next
	}
	s.mu.Unlock()
	answer, err, ok := next.wait(ctx)
	if !ok {
		return read(ctx)
	}
	return answer, err
}

// end lets those who wait have their turn.
func (s *sharing[Key, Answer]) end(key Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.under[key]
	if next == nil {
		delete(s.under, key)
		return
	}
	s.under[key] = nil
	go func() {
		defer s.end(key)
		next.take(func(ctx context.Context, read func(context.Context) (Answer, error)) (Answer, error) {
			return read(ctx)
		})
	}()
}

// loader makes batch reads together: those who wait for a turn have their ids
// read in one call. It is safe for concurrent use; the answers are shared, so
// nobody may change them.
type loader[V any] struct {
	read func(ctx context.Context, ids []int64) (map[int64]V, error)
	// most bounds the ids of one call.
	most int

	mu   sync.Mutex
	busy bool
	next *turn[*idSet, map[int64]V]
}

// idSet is ids without repetition.
type idSet struct {
	list []int64
	seen map[int64]struct{}
}

func (s *idSet) add(ids []int64) {
	for _, id := range ids {
		if _, twice := s.seen[id]; !twice {
			s.seen[id] = struct{}{}
			s.list = append(s.list, id)
		}
	}
}

// load returns what is known of ids, and perhaps of others.
func (l *loader[V]) load(ctx context.Context, ids []int64) (map[int64]V, error) {
	l.mu.Lock()
	if !l.busy {
		l.busy = true
		l.mu.Unlock()
		defer l.end()
		return l.read(ctx, ids)
	}
	if l.next == nil {
		l.next = newTurn[*idSet, map[int64]V](ctx, &idSet{seen: map[int64]struct{}{}})
	}
	next := l.next
	if len(next.ask.list)+len(ids) > l.most {
		l.mu.Unlock()
		return l.read(ctx, ids)
	}
	next.ask.add(ids)
	l.mu.Unlock()
	answer, err, ok := next.wait(ctx)
	if !ok {
		return l.read(ctx, ids)
	}
	return answer, err
}

func (l *loader[V]) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := l.next
	if l.next = nil; next == nil {
		l.busy = false
		return
	}
	go func() {
		defer l.end()
		next.take(func(ctx context.Context, ids *idSet) (map[int64]V, error) { return l.read(ctx, ids.list) })
	}()
}
