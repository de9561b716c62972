package hostile_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"douyin.dev/test/harness"
	"douyin.dev/test/hostile"
)

// A client has exactly its budget: n are given, one more is refused, and what was
// released is given again.
func TestAClientHasExactlyItsBudget(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a platform")
	}
	if os.Getenv("DOUYIN_URL") != "" {
		t.Skip("tries only a platform that it started")
	}
	p := start(t, hostile.Direct)
	defer p.close(t)
	for i, budget := range hostile.Budgets() {
		t.Run(budget.Name, func(t *testing.T) {
			spend(t, budget, &hostile.Attacker{World: p.world, Network: fmt.Sprintf("127.2.%d", i+1)})
		})
	}
}

func spend(t *testing.T, budget hostile.Budget, a *hostile.Attacker) {
	t.Helper()
	began := time.Now()
	var releases []func()
	defer func() {
		for _, release := range releases {
			release()
		}
	}()
	for i := 0; ; i++ {
		given, release, err := budget.Take(t.Context(), a, i)
		if err != nil {
			t.Fatalf("number %d: %v", i+1, err)
		}
		if release != nil {
			releases = append(releases, release)
		}
		if given && i < budget.N+int(budget.PerSecond*time.Since(began).Seconds()) {
			continue
		}
		if given {
			t.Fatalf("number %d was given, want %d", i+1, budget.N)
		}
		if i < budget.N {
			t.Fatalf("number %d was refused, want %d", i+1, budget.N)
		}
		break
	}
	if len(releases) == 0 {
		return
	}
	releases[0]()
	harness.Eventually(t, harness.CatchUp, func() error {
		given, release, err := budget.Take(t.Context(), a, 1)
		if release != nil {
			releases = append(releases, release)
		}
		if err == nil && !given {
			err = errors.New("what was released is refused")
		}
		return err
	})
}
