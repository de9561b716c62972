package hostile_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"douyin.dev/test/harness"
	"douyin.dev/test/hostile"
)

// Bars that hold for every attack.
const (
	maxP99 = 500 * time.Millisecond
	// maxHeld is how much memory the platform holds right after an attack, and maxBack
	// how much of everything backWithin later, as multiples of what it held idle.
	maxHeld    = 1.5
	maxBack    = 1.1
	backWithin = 10 * time.Second
)

const (
	// lasts bounds an attack, and livesFor is how long honest clients act beside it at least.
	lasts, livesFor = 8 * time.Second, 5 * time.Second
	// warmsUpFor is how long honest clients act before the platform's idle state is
	// taken: until as many spans are kept as will be.
	warmsUpFor = 25 * time.Second
	// settlesWithin bounds the wait for an idle platform.
	settlesWithin = 30 * time.Second
)

func TestHonestClientsNoticeNothingOf(t *testing.T) {
	if testing.Short() {
		t.Skip("attacks a platform for minutes")
	}
	if os.Getenv("DOUYIN_URL") != "" {
		t.Skip("attacks only a platform that it started")
	}
	platforms := map[hostile.Setup]*platform{}
	for i, attack := range hostile.Attacks() {
		t.Run(attack.Name, func(t *testing.T) {
			p := platforms[attack.Setup]
			delete(platforms, attack.Setup)
			if p == nil {
				p = start(t, attack.Setup)
			}
			back := p.endure(t, attack, fmt.Sprintf("127.1.%d", i+1))
			if t.Failed() {
				t.Logf("end of the log:\n%s", p.server.LogTail())
			}
			if !back { // the next attack is not the one to be judged by it
				p.close(t)
				return
			}
			platforms[attack.Setup] = p
		})
	}
	for _, p := range platforms {
		p.close(t)
	}
}

// platform is a standalone with honest clients.
type platform struct {
	server *harness.Server
	world  *hostile.World
	dir    string
	// idle is what it holds when honest clients were there.
	idle hostile.Holding
}

// start starts a platform as its users get it, and warms it up.
func start(t *testing.T, setup hostile.Setup) *platform {
	t.Helper()
	t.Setenv("GOGC", "100") // garbage that the platform leaves for later on a machine with room would hide what is held
	if setup == hostile.Proxied {
		t.Setenv("DOUYIN_GATEWAY_TRUSTED_PROXIES", hostile.ProxyAddress+"/32")
	}
	dir, err := os.MkdirTemp("", "douyin-hostile-")
	if err != nil {
		t.Fatal(err)
	}
	p := &platform{dir: dir}
	p.server, err = harness.Start(t.Context(), harness.Options{
		Mode: harness.Standalone, Dir: dir,
		// Attackers are on the same machine: a share of its cores would be one of what they leave.
		Args: []string{"--user-password-share=1"},
	})
	if err == nil {
		p.world, err = hostile.Populate(t.Context(), p.server, setup)
	}
	if err != nil {
		if p.server != nil {
			p.close(t)
		}
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), warmsUpFor)
	defer cancel()
	t.Logf("without an attack: %s", p.world.Live(ctx))
	p.settle(t)
	return p
}

// settle waits until the platform lets go of nothing more, and takes what it holds.
func (p *platform) settle(t *testing.T) {
	t.Helper()
	last := p.holding(t)
	harness.Eventually(t, settlesWithin, func() error {
		time.Sleep(time.Second) // between two looks, not for something to happen
		now := p.holding(t)
		fell := now.Goroutines < last.Goroutines || now.Descriptors < last.Descriptors || now.Live < last.Live*99/100 || now.Resident < last.Resident*99/100
		last = now
		if fell {
			return fmt.Errorf("still falling: %s", now)
		}
		return nil
	})
	p.idle = last
	t.Logf("idle: %s", p.idle)
}

func (p *platform) holding(t *testing.T) hostile.Holding {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), settlesWithin)
	defer cancel()
	h, err := hostile.Hold(ctx, p.server)
	if err != nil {
		p.close(t)
		t.Fatal(err)
	}
	return h
}

func (p *platform) close(t *testing.T) {
	t.Helper()
	if err := p.server.Close(); err != nil {
		t.Errorf("close platform: %v", err)
	}
	if !t.Failed() {
		_ = os.RemoveAll(p.dir)
	}
}

// endure runs an attack beside honest clients and holds the platform to the bars.
// It reports whether the platform holds what it held before.
func (p *platform) endure(t *testing.T, attack hostile.Attack, network string) (back bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(attack.Lasts, lasts))
	defer cancel()
	living, stop := context.WithCancel(t.Context())
	defer stop()
	enough := time.After(livesFor)
	attacked := make(chan error)
	go func() { // ends with the attack
		began := time.Now()
		attacker := &hostile.Attacker{World: p.world, Network: network}
		err := attack.Run(ctx, attacker)
		attacker.Leave()
		t.Logf("attacked for %s", time.Since(began).Round(time.Millisecond))
		<-enough
		stop()
		attacked <- err
	}()
	most := hostile.Watch(living, p.server)
	met := p.world.Live(living)
	if err := <-attacked; err != nil {
		t.Errorf("promise: %v", err)
	}
	return p.judge(t, met, most())
}

// judge compares what honest clients met with, and what the platform holds, with
// the bars. It reports whether the platform holds what it held before.
func (p *platform) judge(t *testing.T, met hostile.Experience, most hostile.Holding) (back bool) {
	t.Helper()
	after := p.holding(t)
	t.Logf("honest clients: %s", met)
	t.Logf("after: %s; at most %d MiB, and %d MiB of spool", after, most.Resident>>20, most.Spool>>20)
	meets(t, met)
	if held := float64(after.Memory(p.idle)) / float64(p.idle.Resident); held > maxHeld {
		t.Errorf("memory after the attack is %.1f times that of the idle platform, want at most %.1f", held, maxHeld)
	}
	began := time.Now()
	for now := after; ; now = p.holding(t) {
		err := now.Excess(maxBack, p.idle)
		if err == nil {
			t.Logf("back after %s: %s", time.Since(began).Round(100*time.Millisecond), now)
			return true
		}
		if time.Since(began) > backWithin {
			t.Errorf("not back after %s: %v (%s)", backWithin, err, now)
			return false
		}
	}
}

// meets compares what honest clients met with the bars.
func meets(t *testing.T, met hostile.Experience) {
	t.Helper()
	const shown = 5
	for _, refusal := range met.Refused[:min(shown, len(met.Refused))] {
		t.Errorf("refused: %s", refusal)
	}
	if p99 := met.P99(); p99 > maxP99 {
		t.Errorf("p99 is %d ms, want at most %d", p99.Milliseconds(), maxP99.Milliseconds())
	}
}
