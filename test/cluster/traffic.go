package cluster

import (
	"context"
	"fmt"
	"math"
	"syscall"
	"time"

	"douyin.dev/test/durability"
	"douyin.dev/test/harness"
)

// traffic is clients that act until it is stopped, and a ledger of what was
// acknowledged to them.
type traffic struct {
	meter  *meter
	world  *durability.World
	cancel context.CancelFunc
	done   chan struct{}

	history durability.History // read after done
	figures durability.Figures
	err     error
}

// clients of a load: two processors shall not be what is tested.
const clients = 12

// catchUp is how long workers may need after a load that deleted pods.
const catchUp = 2 * time.Minute

// startTraffic registers users and lets them act. ctx bounds the whole load.
func startTraffic(ctx context.Context, base string, keepAlive bool) (*traffic, error) {
	m, err := newMeter(base, keepAlive)
	if err != nil {
		return nil, err
	}
	load := durability.Load{Clients: clients, Operations: math.MaxInt32, Seed: uint64(time.Now().UnixNano())}
	world, err := durability.Populate(ctx, m.url(), load)
	if err != nil {
		m.close()
		return nil, fmt.Errorf("%w (%s)", err, m.take())
	}
	m.take() // what came before does not count
	ctx, cancel := context.WithCancel(ctx)
	t := &traffic{meter: m, world: world, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		t.history, t.figures, t.err = world.Run(ctx, unkillable(m.url()), load)
	}()
	return t, nil
}

// unkillable is a platform that the load itself must not kill.
type unkillable string

func (u unkillable) URL() string                 { return string(u) }
func (unkillable) Kill() error                   { return harness.ErrExternal }
func (unkillable) Restart(context.Context) error { return harness.ErrExternal }
func (unkillable) Child(...string) (int, error)  { return 0, harness.ErrExternal }
func (unkillable) Whole(context.Context) error   { return harness.ErrExternal }
func (unkillable) SignalFamily(syscall.Signal, ...string) error {
	return harness.ErrExternal
}

// stop ends the load and returns how its calls went.
func (t *traffic) stop() counts {
	t.cancel()
	<-t.done
	return t.meter.take()
}

// check reads everything back and returns what is not as it was acknowledged,
// once the workers have caught up or their time is over.
func (t *traffic) check(ctx context.Context) ([]durability.Violation, error) {
	if t.err != nil {
		return nil, t.err
	}
	var broken []durability.Violation
	err := poll(ctx, catchUp, func(ctx context.Context) error {
		state, err := t.world.Read(ctx, t.history)
		if err != nil {
			return err
		}
		if broken = durability.Check(t.history, state); len(broken) > 0 {
			return fmt.Errorf("%d rules are broken, %v among them", len(broken), broken[0])
		}
		return nil
	})
	if len(broken) > 0 {
		return broken, nil
	}
	return nil, err
}

func (t *traffic) close() {
	t.cancel()
	<-t.done
	t.meter.close()
}
