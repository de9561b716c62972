package coalesce

import (
	"context"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Loader makes batch reads together: the ids of all callers that wait for the
// next read are read in one call. It is safe for concurrent use; the answers are
// shared, so callers must not change them.
type Loader[V any] struct {
	// Read answers what there is of ids, by id.
	Read func(ctx context.Context, ids []int64) (map[int64]V, error)
	// MaxIDs bounds the ids of one call.
	MaxIDs int
	// Timeout bounds a call for several callers; a lone caller's context bounds its own.
	Timeout time.Duration
	Log     *slog.Logger

	mu   sync.Mutex
	busy bool
	next *sharedRead[*idSet, map[int64]V]
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

// Load returns what there is of ids, and perhaps of others.
func (l *Loader[V]) Load(ctx context.Context, ids []int64) (map[int64]V, error) {
	l.mu.Lock()
	if !l.busy {
		l.busy = true
		l.mu.Unlock()
		defer l.finish()
		return l.Read(ctx, ids)
	}
	if l.next == nil {
		l.next = newSharedRead[*idSet, map[int64]V](ctx, &idSet{})
	}
	next := l.next
	joined := next.ask.add(ids, l.MaxIDs)
	l.mu.Unlock()
	if !joined {
		return l.Read(ctx, ids)
	}
	answer, err, ok := next.wait(ctx)
	if !ok {
		return l.Read(ctx, ids)
	}
	return answer, err
}

// finish begins the read that waits for this one to end.
func (l *Loader[V]) finish() {
	if l.hasCallers() {
		go l.runWaiting()
	}
}

// hasCallers reports whether a read waits to begin; if not, none is under way any
// more.
func (l *Loader[V]) hasCallers() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = l.next != nil
	return l.busy
}

// runWaiting makes reads, one after the other, until no caller waits.
func (l *Loader[V]) runWaiting() {
	for waiting := true; waiting; waiting = l.hasCallers() {
		runtime.Gosched() // callers that are about to ask get in; where there are none, this takes no time
		l.takeNext().run(l.Log, l.Timeout, func(ctx context.Context, ids *idSet) (map[int64]V, error) {
			ids.compact()
			return l.Read(ctx, ids.list)
		})
	}
}

// takeNext returns the read that begins now: later callers wait for another.
func (l *Loader[V]) takeNext() *sharedRead[*idSet, map[int64]V] {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := l.next
	l.next = nil
	return next
}
