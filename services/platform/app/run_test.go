package app

import (
	"context"
	"errors"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/services/platform/infratest"
)

// diary notes in which order things happen.
type diary struct {
	mu    sync.Mutex
	notes []string
}

func (d *diary) note(s string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes = append(d.notes, s)
}

func TestAProcessDrainsInOrder(t *testing.T) {
	t.Parallel()
	var d diary
	var s *started
	streams, release, arrived := make(chan struct{}), make(chan struct{}), make(chan struct{})
	c := component(func(_ context.Context, rt *Runtime) error {
		rt.OnStop("first", func(context.Context) error { d.note("closed the first"); return nil })
		rt.OnStop("second", func(context.Context) error { d.note("closed the second"); return nil })
		rt.Go("loop", func(ctx context.Context) error { <-ctx.Done(); d.note("loop ended"); return nil })
		rt.OnDrain(func() { d.note("streams ended"); close(streams) })
		rt.Handle("/slow", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(arrived)
			<-release
			d.note("call answered")
			w.WriteHeader(http.StatusTeapot)
		}))
		return nil
	})
	s = start(t, localConfig(), c)
	if code, body := get(t, s.private+"/readyz"); code != http.StatusOK || body != "ok\n" {
		t.Errorf("ready: %d %q", code, body)
	}
	answered := make(chan int)
	go func() {
		code, _ := get(t, s.public+"/slow")
		answered <- code
	}()
	<-arrived
	s.stop()
	<-streams
	if code, _ := get(t, s.private+"/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("draining: /readyz is %d", code)
	}
	if code, body := get(t, s.private+"/livez"); code != http.StatusOK || body != "ok\n" {
		t.Errorf("draining: /livez is %d %q", code, body)
	}
	close(release)
	if code := <-answered; code != http.StatusTeapot {
		t.Errorf("the call under way got %d", code)
	}
	if err := s.end(t); err != nil {
		t.Error(err)
	}
	want := []string{"streams ended", "call answered", "loop ended", "closed the second", "closed the first"}
	if diff := cmp.Diff(want, d.notes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAProcessIsUnreadyBeforeItsStreamsEnd(t *testing.T) {
	t.Parallel()
	var s *started
	code := make(chan int, 1)
	s = start(t, localConfig(), component(func(_ context.Context, rt *Runtime) error {
		rt.OnDrain(func() {
			c, _ := get(t, s.private+"/readyz")
			code <- c
		})
		return nil
	}))
	s.stop()
	if got := <-code; got != http.StatusServiceUnavailable {
		t.Errorf("/readyz is %d when the streams are told to end", got)
	}
}

func TestAProcessIsAliveAndUnreadyWhileItMounts(t *testing.T) {
	t.Parallel()
	config := localConfig()
	config.PrivateListen = infratest.FreeAddress(t)
	mounting, mount := make(chan struct{}), make(chan struct{})
	s := launch(t, config, component(func(context.Context, *Runtime) error {
		close(mounting)
		<-mount
		return nil
	}))
	<-mounting
	private := "http://" + config.PrivateListen
	for path, want := range map[string]int{"/livez": http.StatusOK, "/readyz": http.StatusServiceUnavailable, "/metrics": http.StatusOK} {
		if code, _ := get(t, private+path); code != want {
			t.Errorf("%s while mounting is %d, want %d", path, code, want)
		}
	}
	close(mount)
	s.awaitReady(t)
}

func TestAFailedLoopStopsTheProcessAndItsReasonIsLoggedAtOnce(t *testing.T) {
	t.Parallel()
	fail, drained := make(chan struct{}), make(chan struct{})
	s := start(t, localConfig(), component(func(_ context.Context, rt *Runtime) error {
		rt.Go("worker", func(context.Context) error { <-fail; return errors.New("disk on fire") })
		rt.OnDrain(func() { <-drained })
		return nil
	}))
	close(fail)
	line := s.await(t, "draining, a loop failed")
	if got := line["error"]; got != "shop/worker: disk on fire" || line["level"] != "ERROR" {
		t.Errorf("logged %v", line)
	}
	close(drained)
	if err := s.end(t); err == nil || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("ended with %v", err)
	}
}

func TestALoopThatEndsWithoutAnErrorStopsNothing(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	s := start(t, localConfig(), component(func(_ context.Context, rt *Runtime) error {
		rt.Go("once", func(context.Context) error { close(ended); return nil })
		return nil
	}))
	<-ended
	s.stop()
	if err := s.end(t); err != nil {
		t.Error(err)
	}
}

func TestWhatWasOpenedBeforeAFailedMountIsClosed(t *testing.T) {
	t.Parallel()
	var d diary
	s := launch(t, localConfig(), component(func(_ context.Context, rt *Runtime) error {
		rt.OnStop("opened", func(context.Context) error { d.note("closed"); return nil })
		return errors.New("no way")
	}))
	if err := s.end(t); err == nil || !strings.Contains(err.Error(), "mount shop: no way") {
		t.Errorf("ended with %v", err)
	}
	if diff := cmp.Diff([]string{"closed"}, d.notes); diff != "" {
		t.Error(diff)
	}
}

func TestAMissingDependencyIsToldAndTakesNothingAway(t *testing.T) {
	t.Parallel()
	s := start(t, localConfig(), component(func(_ context.Context, rt *Runtime) error {
		rt.OnReady("here", func(context.Context) error { return nil })
		rt.OnReady("gone", func(context.Context) error { return errors.New("refused") })
		return nil
	}))
	if code, body := get(t, s.private+"/readyz"); code != http.StatusOK || body != "ok\nwithout shop/gone: refused\n" {
		t.Errorf("/readyz: %d %q", code, body)
	}
}

// What several components miss is one line, and the log says once that it is gone
// and once that it is back.
func TestAMissingDependencyIsReportedOnce(t *testing.T) {
	t.Parallel()
	var gone atomic.Bool
	gone.Store(true)
	ping := func(context.Context) error {
		if gone.Load() {
			return errors.New("refused")
		}
		return nil
	}
	s := start(t, localConfig(), component(func(_ context.Context, rt *Runtime) error {
		for _, name := range []string{"video", "user"} {
			rt.Child(name, rt.Mux(), nil).OnReady("postgres", ping)
		}
		return nil
	}))
	if _, body := get(t, s.private+"/readyz"); body != "ok\nwithout user,video/postgres: refused\n" {
		t.Errorf("/readyz: %q", body)
	}
	if line := s.await(t, "a dependency does not answer"); line["dependency"] != "postgres" || line["error"] != "refused" {
		t.Errorf("logged %v", line)
	}
	eventually(t, "the metric says so", func() bool {
		_, body := get(t, s.private+"/metrics")
		return regexp.MustCompile(`douyin_app_dependency_up\{[^}]*dependency="postgres"[^}]*\} 0`).MatchString(body)
	})
	gone.Store(false)
	if line := s.await(t, "a dependency answers again"); line["dependency"] != "postgres" {
		t.Errorf("logged %v", line)
	}
	if _, body := get(t, s.private+"/readyz"); body != "ok\n" {
		t.Errorf("/readyz: %q", body)
	}
}

func TestAPortThatIsTakenNamesItsSetting(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for setting, at := range map[string]func(*Config){
		"--listen or DOUYIN_LISTEN":                 func(c *Config) { c.Listen = taken.Addr().String() },
		"--private-listen or DOUYIN_PRIVATE_LISTEN": func(c *Config) { c.PrivateListen = taken.Addr().String() },
	} {
		config := localConfig()
		at(config)
		s := launch(t, config, component(func(context.Context, *Runtime) error { return nil }))
		if err := s.end(t); err == nil || !strings.Contains(err.Error(), setting) || !strings.Contains(err.Error(), "in use") {
			t.Errorf("ended with %v", err)
		}
	}
}

func TestTheEndOfDrainingIsLogged(t *testing.T) {
	t.Parallel()
	s := start(t, localConfig(), component(func(context.Context, *Runtime) error { return nil }))
	s.stop()
	if err := s.end(t); err != nil {
		t.Error(err)
	}
	line := s.await(t, "stopped")
	if _, failed := line["error"]; failed || line["after"] == "" {
		t.Errorf("logged %v", line)
	}
}

func TestAProcessWithoutConsumersIsIdle(t *testing.T) {
	t.Parallel()
	s := start(t, localConfig(), component(func(context.Context, *Runtime) error { return nil }))
	if code, body := get(t, s.private+"/work"); code != http.StatusOK || body != "{\"busy\":0}\n" {
		t.Errorf("/work: %d %q", code, body)
	}
}

func TestNoClientIsSentElsewhere(t *testing.T) {
	t.Parallel()
	s := start(t, localConfig(), component(func(_ context.Context, rt *Runtime) error {
		for _, pattern := range []string{"/", "/a/b", "/dir/"} {
			rt.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = w.Write([]byte(pattern + " " + r.URL.Path))
			}))
		}
		return nil
	}))
	for path, want := range map[string]string{
		"/a/b": "/a/b /a/b", "/a//b": "/ /a//b", "//a/b": "/ //a/b", "/x/../a/b": "/ /x/../a/b",
		"/dir/": "/dir/ /dir/", "/dir/x": "/dir/ /dir/x", "/a/b/": "/ /a/b/", "/": "/ /",
	} {
		if code, body := get(t, s.public+path); code != http.StatusOK || body != want {
			t.Errorf("%s: %d %q, want %q", path, code, body, want)
		}
	}
}
