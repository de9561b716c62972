package coalesce

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

const (
	// waitTimeout bounds how long the first caller of a shared read waits for it to
	// begin, and then all of its callers for it to end; after it they read alone. One
	// read that hangs must not hold all.
	waitTimeout = time.Second
	// ReadTimeout bounds a shared read that answers need: it does not end with any
	// one caller.
	ReadTimeout = 5 * time.Second
)

// sharedRead is a read that waits to begin, and what came of it.
type sharedRead[Ask, Answer any] struct {
	ctx    context.Context // of the first caller, for its trace
	ask    Ask
	ready  chan struct{} // closed when answer and err are set
	answer Answer
	err    error

	timedOut  chan struct{} // closed after waitTimeout
	waitTimer *time.Timer   // one for all callers: a timer each costs more than the waiting
}

func newSharedRead[Ask, Answer any](ctx context.Context, ask Ask) *sharedRead[Ask, Answer] {
	timedOut := make(chan struct{})
	return &sharedRead[Ask, Answer]{
		ctx: context.WithoutCancel(ctx), ask: ask, ready: make(chan struct{}),
		timedOut: timedOut, waitTimer: time.AfterFunc(waitTimeout, func() { close(timedOut) }),
	}
}

// run reads. It runs in a goroutine of its own, so a panic ends here and is an
// error to all callers.
func (s *sharedRead[Ask, Answer]) run(log *slog.Logger, timeout time.Duration, read func(context.Context, Ask) (Answer, error)) {
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	// From here on the callers wait for waitTimeout anew: the wait so far was for the
	// read before. Else slow reads would be given up just before they end, by all
	// callers at once, and be made by each alone when they can least be afforded.
	if s.waitTimer.Stop() {
		s.waitTimer.Reset(waitTimeout)
	}
	defer s.waitTimer.Stop()
	defer close(s.ready)
	defer func() {
		if v := recover(); v != nil {
			log.ErrorContext(ctx, "shared read panicked", "panic", v, "stack", string(debug.Stack())) // once, however many wait
			s.err = fmt.Errorf("shared read panicked: %v", v)
		}
	}()
	s.answer, s.err = read(ctx, s.ask)
}

// wait waits for the answer; false says that the caller should read alone.
func (s *sharedRead[Ask, Answer]) wait(ctx context.Context) (Answer, error, bool) {
	var none Answer
	select {
	case <-s.ready:
		return s.answer, s.err, true
	case <-ctx.Done():
		return none, ctx.Err(), true
	case <-s.timedOut:
		return none, nil, false
	}
}
