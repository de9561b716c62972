package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"douyin.dev/services/platform/infratest"
)

func TestMain(m *testing.M) { infratest.Main(m) }

// patience bounds what must happen but not when.
const patience = time.Minute

// component is a component that is only a mount.
type component func(context.Context, *Runtime) error

func (c component) Mount(ctx context.Context, rt *Runtime) error { return c(ctx, rt) }

// owner is a component that has tables and, but for a mount, nothing else.
type owner struct {
	component
	schema fs.FS
}

func (o owner) Schema() fs.FS { return o.schema }

// tabled mounts its tables.
func tabled(schema fs.FS) owner {
	return owner{schema: schema, component: func(ctx context.Context, rt *Runtime) error {
		_, err := rt.Postgres(ctx, schema)
		return err
	}}
}

// journal is the log of a process: a test waits for lines in it.
type journal struct {
	mu    sync.Mutex
	lines []map[string]any
	more  chan struct{} // closed with the next line
}

func newJournal() *journal { return &journal{more: make(chan struct{})} }

// Write implements io.Writer for a handler that writes a line at a time.
func (j *journal) Write(b []byte) (int, error) {
	var line map[string]any
	if err := json.Unmarshal(bytes.TrimSpace(b), &line); err != nil {
		return 0, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
	close(j.more)
	j.more = make(chan struct{})
	return len(b), nil
}

func (j *journal) find(message string) (map[string]any, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, line := range j.lines {
		if line["msg"] == message {
			return line, nil
		}
	}
	return nil, j.more
}

// await returns the first line with the message, once it is there.
func (j *journal) await(t *testing.T, message string) map[string]any {
	t.Helper()
	late := time.After(patience)
	for {
		line, more := j.find(message)
		if line != nil {
			return line
		}
		select {
		case <-more:
		case <-late:
			t.Fatalf("no line %q in the log: %v", message, j.lines)
		}
	}
}

// process under test.
type started struct {
	*journal
	public, private string // base URLs
	stop            context.CancelFunc
	ended           chan error
}

func localConfig() *Config {
	return &Config{Listen: "127.0.0.1:0", PrivateListen: "127.0.0.1:0", DrainTimeout: patience, PostgresMaxConns: 4}
}

// launch runs a component; it may not be ready yet.
func launch(t *testing.T, config *Config, c Component) *started {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	s := &started{journal: newJournal(), stop: stop, ended: make(chan error, 1)}
	go func() {
		s.ended <- run(ctx, "shop", config, c, s.journal)
		close(s.ended)
	}()
	t.Cleanup(func() {
		stop()
		for range s.ended { // until it is closed
		}
	})
	return s
}

// start runs a component and returns when it is ready.
func start(t *testing.T, config *Config, c Component) *started {
	t.Helper()
	s := launch(t, config, c)
	s.awaitReady(t)
	return s
}

func (s *started) awaitReady(t *testing.T) {
	t.Helper()
	line := s.await(t, "ready")
	s.public, s.private = "http://"+line["listen"].(string), "http://"+line["private"].(string)
}

// end returns what the process ends with.
func (s *started) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(patience):
		t.Fatal("the process does not end")
		return nil
	}
}

// get returns the status and the body of an answer.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return res.StatusCode, string(body)
}

// eventually repeats a check until it holds.
func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !check(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// database returns the DSN of an empty database of the test's own.
func database(t *testing.T) string {
	t.Helper()
	dsn, err := url.Parse(infratest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	admin, err := pgx.Connect(t.Context(), dsn.String())
	if err != nil {
		t.Fatal(err)
	}
	name := "app_" + strings.ToLower(rand.Text()[:16])
	if _, err := admin.Exec(t.Context(), `CREATE DATABASE `+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		if _, err := admin.Exec(ctx, `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
			t.Error(err)
		}
		_ = admin.Close(ctx)
	})
	dsn.Path = "/" + name
	return dsn.String()
}

// door is an address that hangs up on everybody until it is opened. Then it
// leads to the target.
func door(t *testing.T, network, target string) (address string, open func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan struct{})
	var visitors sync.WaitGroup
	visitors.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			select {
			case <-opened:
				visitors.Go(func() { lead(c, network, target) })
			default:
				_ = c.Close()
			}
		}
	})
	t.Cleanup(func() { _ = l.Close(); visitors.Wait() })
	return l.Addr().String(), sync.OnceFunc(func() { close(opened) })
}

// lead passes bytes both ways until one side hangs up.
func lead(c net.Conn, network, target string) {
	defer c.Close()
	there, err := net.Dial(network, target)
	if err != nil {
		return
	}
	defer there.Close()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{c, there}, {there, c}} {
		go func() {
			_, _ = io.Copy(way[0], way[1])
			done <- struct{}{}
		}()
	}
	<-done
}
