package durability_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"douyin.dev/test/harness"
)

// own starts a platform of the given kind, unless the environment names one that
// is not ours to kill.
func own(t *testing.T, mode harness.Mode) *harness.Server {
	t.Helper()
	if testing.Short() || os.Getenv("DOUYIN_URL") != "" {
		t.Skip("kills parts of the platform")
	}
	return harness.ForTest(t, harness.Options{Mode: mode, Args: harness.DefaultArgs()})
}

// kill ends a process that the platform started and returns what it was.
func kill(t *testing.T, server *harness.Server, names ...string) int {
	t.Helper()
	pid, err := server.Child(names...)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	return pid
}

// back waits until the platform runs another process in place of one that ended.
func back(t *testing.T, server *harness.Server, before int, names ...string) {
	t.Helper()
	harness.Eventually(t, time.Minute, func() error {
		pid, err := server.Child(names...)
		if err == nil && pid == before {
			err = fmt.Errorf("process %d goes on", pid)
		}
		return err
	})
}

func TestStoresComeBackAndTheLogSaysSoOnce(t *testing.T) {
	server := own(t, harness.Standalone)
	client := harness.NewClient(server.URL())
	register := func() error {
		answer, err := client.Post(t.Context(), "/douyin/user/register/", "username", harness.Name("s"), "password", "secret")
		if err == nil && answer.Code() != 0 {
			err = fmt.Errorf("%s", answer)
		}
		return err
	}
	if err := register(); err != nil {
		t.Fatal(err)
	}
	cache, database := []string{"redis-server", "valkey-server"}, []string{"postgres"}
	for _, store := range []struct {
		name  string
		names []string
		most  int // lines that the log may have for it
	}{{"redis", cache, 15}, {"postgres", database, 60}} {
		if _, err := server.Child(store.names...); err != nil {
			t.Logf("%s runs elsewhere: %v", store.name, err)
			continue
		}
		before := logLines(t, server)
		pid := kill(t, server, store.names...)
		// Clients go on meanwhile: each of their calls could be a line.
		down := time.Now()
		for time.Since(down) < 3*time.Second {
			_, _ = client.Get(t.Context(), "/douyin/feed/")
		}
		back(t, server, pid, store.names...)
		harness.Eventually(t, time.Minute, register)
		harness.Eventually(t, time.Minute, func() error {
			ready, err := harness.Fetch(t.Context(), server.PrivateURL()+"/readyz")
			if err == nil && string(ready) != "ok\n" {
				err = fmt.Errorf("/readyz: %s", ready)
			}
			return err
		})
		lines := logLines(t, server)[len(before):]
		t.Logf("%s: back after %s, %d lines", store.name, time.Since(down).Round(time.Millisecond), len(lines))
		if len(lines) > store.most {
			t.Errorf("%s: %d lines, want at most %d:\n%s", store.name, len(lines), store.most, strings.Join(lines, ""))
		}
		for _, message := range []string{"embedded store ended and is started again", "embedded store is up again"} {
			said := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !strings.Contains(line, message) })
			if len(said) != 1 {
				t.Errorf("%s: %d lines say %q, want 1", store.name, len(said), message)
			}
		}
	}
}

// logLines returns the JSON lines of the log. What is no JSON is for people.
func logLines(t *testing.T, server *harness.Server) []string {
	t.Helper()
	log, err := server.Log()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range bytes.Lines(log) {
		if json.Valid(line) {
			lines = append(lines, string(line))
		}
	}
	return lines
}

// The stores of a mesh come back as those of a standalone do. A mesh that has
// lost one of its own processes ends at once and says which; it does not go on
// without it.
func TestAMeshOutlivesAStoreAndEndsWithTheFirstOfItsProcesses(t *testing.T) {
	server := own(t, harness.Mesh)
	client := harness.NewClient(server.URL())
	before := kill(t, server, "postgres")
	back(t, server, before, "postgres")
	harness.Eventually(t, time.Minute, func() error {
		answer, err := client.Post(t.Context(), "/douyin/user/register/", "username", harness.Name("s"), "password", "secret")
		if err == nil && answer.Code() != 0 {
			err = fmt.Errorf("%s", answer)
		}
		return err
	})
	kill(t, server, "relation")
	began := time.Now()
	const limit = 10 * time.Second // with time for its stores to stop
	if !server.Ended(limit) {
		t.Fatalf("the mesh goes on after %s", limit)
	}
	t.Logf("ended after %s", time.Since(began).Round(time.Millisecond))
	if tail := server.LogTail(); !strings.Contains(tail, "mesh: relation ended: signal: killed") {
		t.Errorf("the reason is missing:\n%s", tail)
	}
}
