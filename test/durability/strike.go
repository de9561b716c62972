package durability

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"douyin.dev/test/harness"
)

// Fault is something that befalls the platform.
type Fault int

const (
	// KillPlatform ends the platform's own process with SIGKILL; it is restarted.
	KillPlatform Fault = iota
	// KillPostgres ends Postgres alone with SIGKILL; the platform starts it again.
	KillPostgres
	// KillRedis does the same to Redis.
	KillRedis
	// StopPostgres lets Postgres stand still for longer than calls wait, and go on.
	StopPostgres
)

// Platform is what is struck.
type Platform interface {
	URL() string
	Kill() error
	Restart(ctx context.Context) error
	// Child, SignalFamily and Whole are those of harness.Server.
	Child(names ...string) (int, error)
	SignalFamily(sig syscall.Signal, names ...string) error
	Whole(ctx context.Context) error
}

var _ Platform = (*harness.Server)(nil)

const (
	// standstill is how long Postgres is stopped: calls give up after less.
	standstill = 6 * time.Second
	// stragglers is how long after its end statements that were under way may
	// still take effect.
	stragglers = 2 * time.Second
	// recovery bounds the wait for a store that was killed.
	recovery = time.Minute
)

// faultsAfter draws after how many operations which faults come: never at the
// very beginning or end, where nothing is under way.
func (l Load) faultsAfter() map[int64][]Fault {
	random := rand.New(rand.NewPCG(l.Seed, 0xdead))
	due := map[int64][]Fault{}
	for fault, times := range map[Fault]int{KillPlatform: l.Kills, KillPostgres: l.StoreKills, KillRedis: l.StoreKills, StopPostgres: l.Stops} {
		own := rand.New(rand.NewPCG(l.Seed, random.Uint64()+uint64(fault)))
		for range times {
			at := int64(l.Operations/20 + own.IntN(max(l.Operations*9/10, 1)))
			due[at] = append(due[at], fault)
		}
	}
	return due
}

// strike lets a fault happen and returns when it is over: whatever was under way
// when it began has happened by then, or never will.
func strike(ctx context.Context, platform Platform, fault Fault) error {
	switch fault {
	case KillPostgres:
		return killStore(ctx, platform, "postgres")
	case KillRedis:
		return killStore(ctx, platform, "redis-server", "valkey-server")
	case StopPostgres:
		return standStill(ctx, platform)
	default:
		if err := platform.Kill(); err != nil {
			return err
		}
		return platform.Restart(ctx)
	}
}

func killStore(ctx context.Context, platform Platform, names ...string) error {
	before, err := platform.Child(names...)
	if err != nil {
		return err
	}
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill %v: %w", names, err)
	}
	return await(ctx, func() error {
		after, err := platform.Child(names...)
		if err == nil && after == before {
			err = errors.New("it has not ended yet")
		}
		if err != nil {
			return err
		}
		return platform.Whole(ctx)
	})
}

func standStill(ctx context.Context, platform Platform) error {
	if err := platform.SignalFamily(syscall.SIGSTOP, "postgres"); err != nil {
		return err
	}
	pause(ctx, standstill)
	if err := platform.SignalFamily(syscall.SIGCONT, "postgres"); err != nil {
		return err
	}
	if err := await(ctx, func() error { return platform.Whole(ctx) }); err != nil {
		return err
	}
	pause(ctx, stragglers)
	return nil
}

// await polls until check answers nil, at most for the time of a recovery.
func await(ctx context.Context, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, recovery)
	defer cancel()
	for {
		err := check()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("not whole again in time: %w", err)
		}
		pause(ctx, 20*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
