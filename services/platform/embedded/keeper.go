package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// firstPause is the time between the end of a server and the next start. It
	// doubles with every start that failed or did not last, up to longestPause:
	// a disk stays full for a while.
	firstPause, longestPause = 250 * time.Millisecond, 30 * time.Second
	// lasting is how long a server runs until its start counts as a success.
	lasting = time.Minute
)

// Server can be started again when it has ended.
type Server interface {
	// Done is closed when the present run has ended.
	Done() <-chan struct{}
	// Err is how the present run ended; nil while it goes on.
	Err() error
	// Restart starts a server that has ended, with the same data and under the
	// same address. ctx bounds the start.
	Restart(ctx context.Context) error
	// Stop ends the server for good.
	Stop(ctx context.Context) error
}

// Keeper starts a server again whenever it ends, after pauses that grow while
// that does not help. It logs that the server ended, why it does not start (the
// log handler keeps that to one line for each reason), and that it is up again.
// Safe for concurrent use.
type Keeper struct {
	name   string
	server Server
	log    *slog.Logger
	cancel context.CancelFunc
	done   chan struct{}

	mu   sync.Mutex
	down error // nil while the server runs
}

// Keep watches over a server that runs. Stop it.
func Keep(name string, server Server, log *slog.Logger) *Keeper {
	ctx, cancel := context.WithCancel(context.Background())
	k := &Keeper{name: name, server: server, log: log.With("store", name), cancel: cancel, done: make(chan struct{})}
	go k.run(ctx)
	return k
}

// Down says why the server is down; nil while it runs.
func (k *Keeper) Down() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.down
}

func (k *Keeper) setDown(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down = err
}

// Stop ends the watch, then the server.
func (k *Keeper) Stop(ctx context.Context) error {
	k.cancel()
	select {
	case <-k.done:
		return k.server.Stop(ctx)
	case <-ctx.Done():
		return fmt.Errorf("stop %s: %w", k.name, context.Cause(ctx))
	}
}

// run owns the server's restarts until ctx ends.
func (k *Keeper) run(ctx context.Context) {
	defer close(k.done)
	pause := firstPause
	for {
		started := time.Now()
		select {
		case <-ctx.Done():
			return
		case <-k.server.Done():
		}
		if ctx.Err() != nil {
			return
		}
		ended := fmt.Errorf("the server ended: %w", reasonOr(k.server.Err(), errNoReason))
		k.setDown(ended)
		k.log.ErrorContext(ctx, "embedded store ended and is started again", "error", ended)
		if time.Since(started) > lasting {
			pause = firstPause
		}
		if !k.revive(ctx, &pause) {
			return
		}
	}
}

// errNoReason stands for a server that ended with success and unasked.
var errNoReason = errors.New("exit status 0")

func reasonOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// revive starts the server until it runs. It returns false when ctx ended first.
func (k *Keeper) revive(ctx context.Context, pause *time.Duration) bool {
	began := time.Now()
	for attempt := 1; ; attempt++ {
		timer := time.NewTimer(*pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
		*pause = min(2**pause, longestPause)
		err := k.server.Restart(ctx)
		if err == nil {
			k.setDown(nil)
			k.log.InfoContext(ctx, "embedded store is up again", "down", time.Since(began).Round(time.Millisecond).String(), "attempts", attempt)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		k.setDown(fmt.Errorf("the server does not start: %w", err))
		k.log.WarnContext(ctx, "embedded store does not start and is tried again", "attempts", attempt, "error", err)
	}
}
