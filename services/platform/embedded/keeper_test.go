package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/services/platform/telemetry"
)

// mortal is a server of which a test decides when it ends and whether it starts.
type mortal struct {
	mu       sync.Mutex
	done     chan struct{}
	refusal  error // of starts
	attempts []time.Time
	stopped  bool
}

func newMortal() *mortal { return &mortal{done: make(chan struct{})} }

func (m *mortal) Done() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.done
}

func (m *mortal) Err() error { return errors.New("signal: killed") }

func (m *mortal) Restart(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attempts = append(m.attempts, time.Now())
	if m.refusal != nil {
		return m.refusal
	}
	m.done = make(chan struct{})
	return nil
}

func (m *mortal) Stop(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = true
	return nil
}

// starts is how often it was started again.
func (m *mortal) starts() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.attempts)
}

func (m *mortal) end(refusal error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refusal = refusal
	close(m.done)
}

func (m *mortal) recover() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refusal = nil
}

func messages(t *testing.T, log *bytes.Buffer) []string {
	t.Helper()
	var all []string
	for line := range bytes.Lines(log.Bytes()) {
		var entry struct{ Msg, Error string }
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Fatal(err)
		}
		all = append(all, entry.Msg)
	}
	return all
}

func TestAServerThatEndsIsStartedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, log := newMortal(), &bytes.Buffer{}
		k := Keep("postgres", server, slog.New(telemetry.NewLogHandler(log, slog.LevelInfo)))
		synctest.Wait()
		if err := k.Down(); err != nil {
			t.Errorf("a server that runs is down: %v", err)
		}
		server.end(nil)
		synctest.Wait()
		if err := k.Down(); err == nil {
			t.Error("a server that ended is not down")
		}
		time.Sleep(firstPause)
		synctest.Wait()
		if err := k.Down(); err != nil {
			t.Errorf("still down: %v", err)
		}
		if err := k.Stop(t.Context()); err != nil || !server.stopped {
			t.Errorf("stop: %v, stopped %v", err, server.stopped)
		}
		want := []string{"embedded store ended and is started again", "embedded store is up again"}
		if diff := cmp.Diff(want, messages(t, log)); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}

// Nine hours of a full disk are nine hours of attempts and a dozen lines.
func TestPausesGrowAndAReasonIsLoggedAtGrowingIntervals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, log := newMortal(), &bytes.Buffer{}
		k := Keep("postgres", server, slog.New(telemetry.NewLogHandler(log, slog.LevelInfo)))
		server.end(errors.New("no space left on device"))
		time.Sleep(9 * time.Hour)
		synctest.Wait()
		if n := len(messages(t, log)); n > 15 {
			t.Errorf("%d lines", n)
		}
		for i := 1; i < len(server.attempts); i++ {
			gap := server.attempts[i].Sub(server.attempts[i-1])
			if want := min(firstPause<<min(i, 20), longestPause); gap != want {
				t.Fatalf("pause %d is %v, want %v", i, gap, want)
			}
		}
		server.recover()
		time.Sleep(longestPause)
		synctest.Wait()
		if err := k.Down(); err != nil {
			t.Errorf("still down: %v", err)
		}
		if all := messages(t, log); all[len(all)-1] != "embedded store is up again" {
			t.Errorf("last line: %q", all[len(all)-1])
		}
		if err := k.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A server that starts and ends at once is not started four times a second.
func TestAServerThatDoesNotLastIsStartedAfterLongerPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := newMortal()
		k := Keep("redis", server, slog.New(slog.DiscardHandler))
		for range 10 {
			server.end(nil)
			time.Sleep(longestPause)
			synctest.Wait()
		}
		before := server.starts()
		server.end(nil)
		time.Sleep(longestPause - time.Second)
		synctest.Wait()
		if server.starts() != before {
			t.Error("started again before the longest pause")
		}
		time.Sleep(lasting + 2*time.Second)
		synctest.Wait()
		server.end(nil)
		time.Sleep(firstPause)
		synctest.Wait()
		if server.starts() != before+2 {
			t.Errorf("%d starts, want %d: a server that lasted is started soon", server.starts(), before+2)
		}
		if err := k.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestStopEndsTheAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := newMortal()
		k := Keep("redis", server, slog.New(slog.DiscardHandler))
		server.end(errors.New("no"))
		time.Sleep(time.Minute)
		if err := k.Stop(t.Context()); err != nil || !server.stopped {
			t.Errorf("stop: %v, stopped %v", err, server.stopped)
		}
	})
}
