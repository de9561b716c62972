package coalesce

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
)

// Share makes reads with equal keys together. It is safe for concurrent use; the
// answers are shared, so callers must not change them.
type Share[Key comparable, Answer any] struct {
	log *slog.Logger

	mu sync.Mutex
	// reading has a key while a read of it is under way; its value is the read that
	// waits to begin after that, nil for none.
	reading map[Key]*sharedRead[func(context.Context) (Answer, error), Answer]
}

// NewShare returns a Share that logs what panics.
func NewShare[Key comparable, Answer any](log *slog.Logger) *Share[Key, Answer] {
	return &Share[Key, Answer]{log: log, reading: map[Key]*sharedRead[func(context.Context) (Answer, error), Answer]{}}
}

// Do returns what read answers, or what that of another caller with an equal key
// answers that began after this call.
func (s *Share[Key, Answer]) Do(ctx context.Context, key Key, read func(context.Context) (Answer, error)) (Answer, error) {
	s.mu.Lock()
	next, busy := s.reading[key]
	if !busy {
		s.reading[key] = nil
		s.mu.Unlock()
		defer s.finish(key)
		return read(ctx)
	}
	if next == nil {
		next = newSharedRead[func(context.Context) (Answer, error), Answer](ctx, read)
		s.reading[key] = next
	}
	s.mu.Unlock()
	answer, err, ok := next.wait(ctx)
	if !ok {
		return read(ctx)
	}
	return answer, err
}

// finish begins the read that waits for this one to end.
func (s *Share[Key, Answer]) finish(key Key) {
	if s.hasCallers(key) {
		go s.runWaiting(key)
	}
}

// hasCallers reports whether a read waits to begin; if not, none of key is under
// way any more.
func (s *Share[Key, Answer]) hasCallers(key Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reading[key] == nil {
		delete(s.reading, key)
		return false
	}
	return true
}

// runWaiting makes reads, one after the other, until no caller waits.
func (s *Share[Key, Answer]) runWaiting(key Key) {
	for waiting := true; waiting; waiting = s.hasCallers(key) {
		runtime.Gosched() // callers that are about to ask get in; where there are none, this takes no time
		s.next(key).run(s.log, ReadTimeout, func(ctx context.Context, read func(context.Context) (Answer, error)) (Answer, error) {
			return read(ctx)
		})
	}
}

// next returns the read that begins now: later callers wait for another.
func (s *Share[Key, Answer]) next(key Key) *sharedRead[func(context.Context) (Answer, error), Answer] {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.reading[key]
	s.reading[key] = nil
	return next
}
