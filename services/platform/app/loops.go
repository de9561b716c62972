package app

import (
	"context"
	"fmt"
	"sync"
)

// loops runs named goroutines until they are stopped, and reports the first failure.
type loops struct {
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	failed chan error
}

func newLoops() *loops {
	ctx, cancel := context.WithCancel(context.Background())
	return &loops{ctx: ctx, cancel: cancel, failed: make(chan error, 1)}
}

func (l *loops) start(name string, loop func(context.Context) error) {
	l.wg.Go(func() {
		if err := loop(l.ctx); err != nil && l.ctx.Err() == nil {
			select {
			case l.failed <- fmt.Errorf("%s: %w", name, err):
			default:
			}
		}
	})
}

// stop ends the loops and waits for them.
func (l *loops) stop() {
	l.cancel()
	l.wg.Wait()
}
