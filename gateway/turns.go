package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
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
	// turnPatience bounds how long the first caller of a turn waits for it to begin,
	// and then all for it to end; then they read alone. One read that hangs must not
	// hold all.
	turnPatience = time.Second
	// turnDeadline bounds a shared read that answers need: it does not end with any
	// one caller.
	turnDeadline = 5 * time.Second
)

// turn is a read that waits to begin, and what came of it.
type turn[Ask, Answer any] struct {
	ctx    context.Context // of the first caller, for its trace
	ask    Ask
	done   chan struct{}
	answer Answer
	err    error

	late     chan struct{} // closed when patience is over
	patience *time.Timer   // one for all who wait: a timer each costs more than the waiting
}

func newTurn[Ask, Answer any](ctx context.Context, ask Ask) *turn[Ask, Answer] {
	late := make(chan struct{})
	return &turn[Ask, Answer]{
		ctx: context.WithoutCancel(ctx), ask: ask, done: make(chan struct{}),
		late: late, patience: time.AfterFunc(turnPatience, func() { close(late) }),
	}
}

// take reads. It runs in a goroutine of its own, so a panic ends here and is
// an error to all who wait.
func (t *turn[Ask, Answer]) take(log *slog.Logger, deadline time.Duration, read func(context.Context, Ask) (Answer, error)) {
	ctx, cancel := context.WithTimeout(t.ctx, deadline)
	defer cancel()
	// From here on those who wait have patience anew: the wait so far was for the
	// read before. Else slow reads would be given up just before they end, by all
	// at once, and be made by each alone when they can least be afforded.
	if t.patience.Stop() {
		t.patience.Reset(turnPatience)
	}
	defer t.patience.Stop()
	defer close(t.done)
	defer func() {
		if v := recover(); v != nil {
			log.ErrorContext(ctx, "shared read panicked", "panic", v, "stack", string(debug.Stack())) // once, however many wait
			t.err = fmt.Errorf("shared read panicked: %v", v)
		}
	}()
	t.answer, t.err = read(ctx, t.ask)
}

// wait waits for the answer; false when the caller should read alone.
func (t *turn[Ask, Answer]) wait(ctx context.Context) (Answer, error, bool) {
	var none Answer
	select {
	case <-t.done:
		return t.answer, t.err, true
	case <-ctx.Done():
		return none, ctx.Err(), true
	case <-t.late:
		return none, nil, false
	}
}

// sharing makes reads with equal keys together. It is safe for concurrent use;
// the answers are shared, so nobody may change them.
type sharing[Key comparable, Answer any] struct {
	log *slog.Logger

	mu    sync.Mutex
	under map[Key]*turn[func(context.Context) (Answer, error), Answer] // the turn that waits; nil for none
}

func newSharing[Key comparable, Answer any](log *slog.Logger) *sharing[Key, Answer] {
	return &sharing[Key, Answer]{log: log, under: map[Key]*turn[func(context.Context) (Answer, error), Answer]{}}
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
	if s.waited(key) {
		go s.turns(key)
	}
}

// waited reports whether somebody waits for a turn; if not, nobody is under way.
func (s *sharing[Key, Answer]) waited(key Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.under[key] == nil {
		delete(s.under, key)
		return false
	}
	return true
}

// turns makes reads, one after the other, until nobody waits.
func (s *sharing[Key, Answer]) turns(key Key) {
	for waited := true; waited; waited = s.waited(key) {
		runtime.Gosched() // callers that are about to ask get in; where there are none, this takes no time
		s.begin(key).take(s.log, turnDeadline, func(ctx context.Context, read func(context.Context) (Answer, error)) (Answer, error) {
			return read(ctx)
		})
	}
}

// begin returns the turn that begins now: who comes later waits for another.
func (s *sharing[Key, Answer]) begin(key Key) *turn[func(context.Context) (Answer, error), Answer] {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.under[key]
	s.under[key] = nil
	return next
}

// loader makes batch reads together: those who wait for a turn have their ids
// read in one call. It is safe for concurrent use; the answers are shared, so
// nobody may change them.
type loader[V any] struct {
	read func(ctx context.Context, ids []int64) (map[int64]V, error)
	// most bounds the ids of one call.
	most int
	// deadline bounds a call for several callers, one caller's own bounds any other.
	deadline time.Duration
	log      *slog.Logger

	mu   sync.Mutex
	busy bool
	next *turn[*idSet, map[int64]V]
}

// idSet is ids, perhaps with repetitions until they are read.
type idSet struct{ list []int64 }

// add adds ids unless there would be more than most.
func (s *idSet) add(ids []int64, most int) bool {
	if len(s.list)+len(ids) > most {
		s.compact()
	}
	if len(s.list)+len(ids) > most {
		return false
	}
	s.list = append(s.list, ids...)
	return true
}

// compact removes repetitions.
func (s *idSet) compact() {
	slices.Sort(s.list)
	s.list = slices.Compact(s.list)
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
		l.next = newTurn[*idSet, map[int64]V](ctx, &idSet{})
	}
	next := l.next
	joined := next.ask.add(ids, l.most)
	l.mu.Unlock()
	if !joined {
		return l.read(ctx, ids)
	}
	answer, err, ok := next.wait(ctx)
	if !ok {
		return l.read(ctx, ids)
	}
	return answer, err
}

func (l *loader[V]) end() {
	if l.waited() {
		go l.turns()
	}
}

func (l *loader[V]) waited() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = l.next != nil
	return l.busy
}

func (l *loader[V]) turns() {
	for waited := true; waited; waited = l.waited() {
		runtime.Gosched() // callers that are about to ask get in; where there are none, this takes no time
		l.begin().take(l.log, l.deadline, func(ctx context.Context, ids *idSet) (map[int64]V, error) {
			ids.compact()
			return l.read(ctx, ids.list)
		})
	}
}

func (l *loader[V]) begin() *turn[*idSet, map[int64]V] {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := l.next
	l.next = nil
	return next
}
