package durability_test

import (
	"bytes"
	"cmp"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"douyin.dev/test/durability"
	"douyin.dev/test/harness"
)

// setting reads a number from the environment.
func setting(t *testing.T, name string, def int) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv(name), strconv.Itoa(def)))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// What was acknowledged outlives SIGKILL, of the platform and of its stores, and
// a standstill of Postgres; once, and the counters agree.
//
//	DOUYIN_OPS          operations, 2000 by default; the full run has 100000
//	DOUYIN_KILLS        kills of the platform, 2 by default; the full run has 20
//	DOUYIN_STORE_KILLS  kills of Postgres alone, and of Redis alone, 1 by default
//	DOUYIN_STOPS        standstills of Postgres, 1 by default
//	DOUYIN_TEST_SEED    of the clients' choices and the faults; the time by default
func TestAcknowledgedOutlivesKills(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills the platform")
	}
	load := durability.Load{
		Clients: 64, Operations: setting(t, "DOUYIN_OPS", 2000), Kills: setting(t, "DOUYIN_KILLS", 2),
		StoreKills: setting(t, "DOUYIN_STORE_KILLS", 1), Stops: setting(t, "DOUYIN_STOPS", 1),
		Seed: uint64(setting(t, "DOUYIN_TEST_SEED", int(time.Now().Unix()))),
	}
	// The reconciler is always at work: it must find nothing, whatever is under way.
	reconcile := []string{"--counter-worker-reconcile-every=2s", "--counter-worker-reconcile-rest=20ms"}
	server := harness.ForTest(t, harness.Options{Args: slices.Concat(harness.DefaultArgs(), harness.LoadArgs(), reconcile)})
	if server.External() {
		t.Skip("kills the platform, and DOUYIN_URL names one that is not ours")
	}
	world, err := durability.Populate(t.Context(), server.URL(), load)
	if err != nil {
		t.Fatal(err)
	}
	history, figures, err := world.Run(t.Context(), server, load)
	if err != nil {
		t.Fatal(err)
	}
	violations, rest := settled(t, world, history)
	if len(violations) == 0 { // otherwise it is known already, and would be said twice
		rest.Streams = world.Streams(t.Context(), rest)
		if err := world.ReadKept(t.Context(), history, &rest); err != nil {
			t.Fatal(err)
		}
		violations = durability.Check(history, rest)
	}
	violations = append(violations, withoutCaches(t, server, world, history, rest)...)
	violations = append(violations, logged(t, server)...)
	t.Logf("seed=%d %s violations=%d", load.Seed, figures, len(violations))
	const most = 50
	for _, violation := range violations[:min(most, len(violations))] {
		t.Errorf("%s: %s", violation.Rule, violation.Text)
	}
	if n := figures.Faults[durability.KillPlatform]; n != load.Kills {
		t.Errorf("killed %d times, want %d", n, load.Kills)
	}
	if n := figures.Faults[durability.StopPostgres]; n != load.Stops {
		t.Errorf("Postgres stood still %d times, want %d", n, load.Stops)
	}
	if figures.OK < load.Operations/4 { // while a store is down, calls are refused
		t.Errorf("only %d of %d operations were acknowledged: the run shows little", figures.OK, load.Operations)
	}
}

// withoutCaches reads everything once more after a restart, which empties Redis.
func withoutCaches(t *testing.T, server *harness.Server, world *durability.World, h durability.History, rest durability.State) []durability.Violation {
	t.Helper()
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := world.Read(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	return durability.CheckCaches(rest, after)
}

// logged returns what the platform itself said went wrong: an event that became
// a dead letter, a count that was not what its events made it.
func logged(t *testing.T, server *harness.Server) []durability.Violation {
	t.Helper()
	log, err := server.Log()
	if err != nil {
		t.Fatal(err)
	}
	var found []durability.Violation
	for line := range bytes.Lines(log) {
		switch {
		case bytes.Contains(line, []byte("message became a dead letter")):
			found = append(found, durability.Violation{Rule: "E4", Text: string(line)})
		case bytes.Contains(line, []byte("count had drifted")):
			found = append(found, durability.Violation{Rule: "C1", Text: string(line)})
		}
	}
	return found
}

// settled is AtRest for a test.
func settled(t *testing.T, world *durability.World, history durability.History) ([]durability.Violation, durability.State) {
	t.Helper()
	violations, state, err := world.AtRest(t.Context(), history)
	if err != nil {
		t.Fatal(err)
	}
	return violations, state
}
