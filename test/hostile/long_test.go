package hostile_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"douyin.dev/test/durability"
	"douyin.dev/test/hostile"
)

const (
	// operationsPerSecond of all clients are about a quarter of what two cores do.
	operationsPerSecond = 100
	// actors act at the same time, from addressesOfActors.
	actors, addressesOfActors = 64, 8
	// restAfter is how much longer than it lasted an attack rests before it comes again.
	restAfter = 2
)

// While all attacks come again and again, nothing that was acknowledged is lost,
// nothing honest is refused, and the counters agree with what they count.
//
//	DOUYIN_HOSTILE_FOR  how long, 30m for example; skipped without
func TestAllAttacksAtOnceTakeNothing(t *testing.T) {
	if os.Getenv("DOUYIN_HOSTILE_FOR") == "" {
		t.Skip("lasts as long as DOUYIN_HOSTILE_FOR says")
	}
	duration, err := time.ParseDuration(os.Getenv("DOUYIN_HOSTILE_FOR"))
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, hostile.Direct)
	defer p.close(t)
	load := durability.Load{
		Clients: actors, Rate: operationsPerSecond, Operations: int(duration.Seconds() * operationsPerSecond), Seed: uint64(time.Now().UnixNano()),
	}
	for i := range addressesOfActors {
		load.Addresses = append(load.Addresses, fmt.Sprintf("127.0.1.%d", i+1))
	}
	world, err := durability.Populate(t.Context(), p.server.URL(), load)
	if err != nil {
		t.Fatal(err)
	}

	attacking, stop := context.WithCancel(t.Context())
	var attacks sync.WaitGroup
	for i, attack := range hostile.Attacks() {
		if attack.Setup == hostile.Direct {
			attacks.Go(func() {
				again(attacking, t, attack, &hostile.Attacker{World: p.world, Network: fmt.Sprintf("127.1.%d", i+1)})
			})
		}
	}
	most := hostile.Watch(attacking, p.server)
	var met hostile.Experience
	attacks.Go(func() { met = p.world.Live(attacking) })
	history, figures, err := world.Run(t.Context(), p.server, load)
	stop()
	attacks.Wait()
	if err != nil {
		t.Fatal(err)
	}

	t.Logf("seed=%d %s", load.Seed, figures)
	if figures.Fail+figures.Unknown > 0 {
		t.Errorf("of %d operations %d were refused and %d have no known end", load.Operations, figures.Fail, figures.Unknown)
	}
	violations, _, err := world.AtRest(t.Context(), history)
	if err != nil {
		t.Fatal(err)
	}
	for _, violation := range violations {
		t.Errorf("%s: %s", violation.Rule, violation.Text)
	}
	p.judge(t, met, most())
}

// again attacks, rests, and attacks again until ctx ends.
func again(ctx context.Context, t *testing.T, attack hostile.Attack, a *hostile.Attacker) {
	for ctx.Err() == nil {
		lasts := cmp.Or(attack.Lasts, lasts)
		attacking, cancel := context.WithTimeout(ctx, lasts)
		err := attack.Run(attacking, a)
		a.Leave()
		cancel()
		if err != nil && ctx.Err() == nil {
			t.Logf("%s: %v", attack.Name, err) // budgets that an earlier round spent are no news
		}
		rest := time.NewTimer(restAfter * lasts)
		select {
		case <-ctx.Done():
		case <-rest.C:
		}
		rest.Stop()
	}
}
