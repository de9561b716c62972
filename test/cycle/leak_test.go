package cycle_test

import (
	"fmt"
	"testing"
	"time"

	"douyin.dev/test/harness"
)

const (
	// idle is longer than connections are kept that nobody uses: 60 s.
	idle = 90 * time.Second
	// tolerated is how much above the baseline the platform may stay.
	tolerated = 1.1
)

// settled waits until the load of a run is over, and returns what the platform
// holds then: its pools are warm and its caches filled.
func settled(t *testing.T, server *harness.Server) harness.Usage {
	t.Helper()
	last := usage(t, server)
	harness.Eventually(t, idle, func() error {
		time.Sleep(time.Second) // between two looks, not for something to happen
		now := usage(t, server)
		fell := now.Goroutines < last.Goroutines || now.Descriptors < last.Descriptors
		last = now
		if fell {
			return fmt.Errorf("still falling: %s", now)
		}
		return nil
	})
	t.Logf("baseline: %s", last)
	return last
}

// returns checks L1: a second run of the same load leaves nothing behind.
func returns(t *testing.T, server *harness.Server, baseline harness.Usage) {
	t.Helper()
	var now harness.Usage
	harness.Eventually(t, idle, func() error {
		now = usage(t, server)
		if float64(now.Goroutines) > tolerated*float64(baseline.Goroutines) || float64(now.Descriptors) > tolerated*float64(baseline.Descriptors) {
			return fmt.Errorf("%s, want at most %.1f times %s", now, tolerated, baseline)
		}
		return nil
	})
	t.Logf("after the same load again: %s", now)
}

func usage(t *testing.T, server *harness.Server) harness.Usage {
	t.Helper()
	u, err := server.Usage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return u
}
