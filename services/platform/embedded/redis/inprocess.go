package redis

import (
	"context"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// tick is how exact times to live are. The library does not let time pass by
// itself: expired keys go when its clock is moved.
const tick = time.Second

// inProcess is a server inside this process.
type inProcess struct {
	mini *miniredis.Miniredis
	quit chan struct{}
	end  chan struct{}
}

func startInProcess(password string) (engine, error) {
	mini := miniredis.NewMiniRedis()
	if password != "" {
		mini.RequireAuth(password)
	}
	if err := mini.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("start in process: %w", err)
	}
	p := &inProcess{mini: mini, quit: make(chan struct{}), end: make(chan struct{})}
	go p.passTime()
	return p, nil
}

// passTime moves the server's clock until stop.
func (p *inProcess) passTime() {
	defer close(p.end)
	t := time.NewTicker(tick)
	defer t.Stop()
	last := time.Now()
	for {
		select {
		case <-p.quit:
			return
		case <-t.C:
			// By what has passed, not by one tick: a machine that slept
			// skips ticks.
			now := time.Now()
			p.mini.FastForward(now.Sub(last))
			last = now
		}
	}
}

func (p *inProcess) addr() string          { return p.mini.Addr() }
func (p *inProcess) clientCaching() bool   { return false }
func (p *inProcess) done() <-chan struct{} { return p.end }

// Err is nil: nothing ends it but stop.
func (p *inProcess) Err() error { return nil }

func (p *inProcess) stop(context.Context) error {
	close(p.quit)
	<-p.end
	p.mini.Close()
	return nil
}
