package harness

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"
)

// CatchUp is how long a test waits for the workers: a second in normal
// running, more on a machine that runs everything at once.
const CatchUp = 15 * time.Second

// Eventually polls until check answers nil, and fails the test with its last
// error when it does not within the time.
func Eventually(t testing.TB, within time.Duration, check func() error) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	pause := 5 * time.Millisecond
	for {
		err := check()
		if err == nil {
			return
		}
		next := time.NewTimer(pause)
		select {
		case <-deadline.C:
			next.Stop()
			t.Fatalf("not within %s: %v", within, err)
		case <-t.Context().Done():
			next.Stop()
			t.Fatalf("test ended first: %v", err)
		case <-next.C:
		}
		pause = min(pause*2, 200*time.Millisecond)
	}
}

// Name returns a username nobody has: a suite may run many times on the same data.
func Name(prefix string) string {
	return prefix + "_" + strings.ToLower(rand.Text()[:14])
}
