package hostile_test

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"douyin.dev/test/harness"
	"douyin.dev/test/hostile"
)

// A feed without its counts is as fast as one with them: what an answer can do
// without is not waited for.
func TestTheFeedGoesOnWhileTheCounterHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a mesh")
	}
	if os.Getenv("DOUYIN_URL") != "" {
		t.Skip("stops a process of a mesh that it started from bin/")
	}
	mesh := harness.ForTest(t, harness.Options{Mode: harness.Mesh, Args: []string{"--user-password-share=1"}})
	counter, err := mesh.Process("counter")
	if err != nil {
		t.Fatal(err)
	}
	world, err := hostile.Populate(t.Context(), mesh, hostile.Direct)
	if err != nil {
		t.Fatal(err)
	}
	answersPerSecond(t, mesh) // connections, caches
	before, refused := answersPerSecond(t, mesh)
	if before == 0 || refused > 0 {
		t.Fatalf("%d answers a second and %d refused before anything happened", before, refused)
	}
	if err := syscall.Kill(counter, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(counter, syscall.SIGCONT) })
	living, cancel := context.WithTimeout(t.Context(), livesFor)
	defer cancel()
	met := world.Live(living)
	t.Logf("while the counter hangs: %s", met)
	meets(t, met)
	during, refused := answersPerSecond(t, mesh)
	t.Logf("%d answers a second, %d while the counter hangs", before, during)
	if refused > 0 {
		t.Errorf("%d calls refused while the counter hangs", refused)
	}
	if during < before/2 {
		t.Errorf("%d answers a second while the counter hangs, want at least half of %d", during, before)
	}
}

// answersPerSecond is how often the feed is answered to 16 clients, and how many
// calls were refused.
func answersPerSecond(t *testing.T, server *harness.Server) (rate, refused int64) {
	t.Helper()
	const clients, measured = 16, 5 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), measured)
	defer cancel()
	client := harness.NewClient(server.URL())
	var answers, failures atomic.Int64
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for ctx.Err() == nil {
				answer, err := client.Get(ctx, "/douyin/feed/")
				switch {
				case ctx.Err() != nil:
				case err != nil || answer.Code() != 0:
					failures.Add(1)
				default:
					answers.Add(1)
				}
			}
		})
	}
	all.Wait()
	return answers.Load() / int64(measured/time.Second), failures.Load()
}
