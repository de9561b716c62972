package harness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// ErrExternal says that the server is not ours to stop: DOUYIN_URL named it.
var ErrExternal = errors.New("the server was not started by the harness (DOUYIN_URL is set)")

// Server is a running platform. Its addresses stay the same through restarts.
// Safe for concurrent use.
type Server struct {
	options  Options
	binary   string
	public   string // host:port; "" when external
	private  string
	url      string
	probe    string // base URL of the private port; "" when unknown
	log      string
	external bool
	args     []string // before those of the options

	mu      sync.Mutex
	process *process // nil while down
	broker  *process // Apache Kafka; nil without
}

// Start starts a platform and returns once it is ready. Close it.
func Start(ctx context.Context, o Options) (*Server, error) {
	if url := os.Getenv("DOUYIN_URL"); url != "" {
		return external(ctx, strings.TrimRight(url, "/"))
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("start platform: %w", err)
	}
	path, err := binary(o.Mode)
	if err != nil {
		return nil, fmt.Errorf("start platform: %w", err)
	}
	if o.Dir == "" {
		return nil, errors.New("start platform: Options.Dir is needed")
	}
	addresses, err := freeAddresses(ctx, 2)
	if err != nil {
		return nil, fmt.Errorf("start platform: %w", err)
	}
	s := &Server{
		options: o, binary: path,
		public: addresses[0], private: addresses[1],
		url: "http://" + addresses[0], probe: "http://" + addresses[1],
		log: filepath.Join(o.Dir, "platform.log"),
	}
	if s.args, err = o.args(); err != nil {
		return nil, fmt.Errorf("start platform: %w", err)
	}
	if o.Infra == Real {
		address, err := s.startBroker(ctx)
		if err != nil {
			return s, fmt.Errorf("start Apache Kafka: %w", err)
		}
		s.args = append(s.args, "--kafka-brokers="+address)
	}
	return s, s.Restart(ctx)
}

// external is a server that somebody else started and tells about.
func external(ctx context.Context, url string) (*Server, error) {
	key, err := signingKeyFrom(os.Getenv)
	if err != nil {
		return nil, err
	}
	s := &Server{
		url: url, probe: strings.TrimRight(os.Getenv("DOUYIN_PRIVATE_URL"), "/"), log: os.Getenv("DOUYIN_LOG"), external: true,
		options: Options{SigningKey: key},
	}
	return s, s.waitReady(ctx, time.Minute, nil)
}

// ForTest starts a platform in a directory of the test and ends it with the test.
func ForTest(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s, err := Start(t.Context(), o)
	if s != nil {
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Errorf("close platform: %v", err)
			}
			if t.Failed() {
				t.Logf("end of %s:\n%s", s.log, s.LogTail())
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// URL is the base URL of the public port.
func (s *Server) URL() string { return s.url }

// PrivateURL is the base URL of the private port, "" when DOUYIN_URL came without one.
func (s *Server) PrivateURL() string { return s.probe }

// External reports whether DOUYIN_URL named the server: then Kill, Stop and Restart answer ErrExternal.
func (s *Server) External() bool { return s.external }

// PID is the process that was started, 0 while it is down or external.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return 0
	}
	return s.process.cmd.Process.Pid
}

// Kill ends the platform at once with SIGKILL: the process of a standalone,
// all processes of a mesh. Its data stay.
func (s *Server) Kill() error {
	return s.end(func(p *process) error { return p.kill(s.options.Mode == Mesh) })
}

// Stop asks the platform to end with SIGTERM and waits until it has.
func (s *Server) Stop() error {
	return s.end(func(p *process) error { return p.stop(30 * time.Second) })
}

// Close stops the platform if it runs and leaves no process behind. An external one is left alone.
func (s *Server) Close() error {
	if s.external {
		return nil
	}
	err := s.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broker != nil {
		err = errors.Join(err, s.broker.stop(30*time.Second))
		s.broker = nil
	}
	return err
}

func (s *Server) end(how func(*process) error) error {
	if s.external {
		return ErrExternal
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return nil
	}
	p := s.process
	s.process = nil
	return how(p)
}

// Restart starts the platform if it is down and waits until it is ready.
func (s *Server) Restart(ctx context.Context) error {
	if s.external {
		return ErrExternal
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		args := slices.Concat(s.args, []string{"--listen", s.public, "--private-listen", s.private}, s.options.Args)
		p, err := spawn(ctx, s.binary, args, s.log)
		if err != nil {
			return fmt.Errorf("start platform: %w", err)
		}
		s.process = p
	}
	return s.waitReady(ctx, s.options.ReadyWithin, s.process.done)
}

// Log returns all the platform has logged so far, of all its processes. An
// external server's log is the file DOUYIN_LOG names.
func (s *Server) Log() ([]byte, error) {
	if s.log == "" {
		return nil, fmt.Errorf("%w: DOUYIN_LOG does not name its log", ErrExternal)
	}
	text, err := os.ReadFile(s.log)
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	return text, nil
}

// LogPath is the file of Log; "" when it is not known.
func (s *Server) LogPath() string { return s.log }

// LogTail returns the end of the platform's log, at most 8 kB.
func (s *Server) LogTail() string {
	const most = 8 << 10
	text, err := s.Log()
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// waitReady polls both ports until they are ready, the process is done, or time is up.
func (s *Server) waitReady(ctx context.Context, within time.Duration, done <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("platform is not ready in time: %w\n%s", err, s.LogTail())
		case <-done:
			return fmt.Errorf("platform ended before it was ready:\n%s", s.LogTail())
		case <-tick.C:
		}
	}
}

func (s *Server) ready(ctx context.Context) error {
	probes := []string{s.url + "/ping"}
	if s.probe != "" {
		probes = []string{s.probe + "/readyz", s.url + "/ping"}
	}
	for _, url := range probes {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return fmt.Errorf("probe: %w", err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return fmt.Errorf("probe: %w", err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("probe: %s answers %s", url, res.Status)
		}
	}
	return nil
}

// freeAddresses returns n loopback addresses that nobody listens on. They are not
// from the range that outgoing connections get theirs from, 32768 and up as a rule:
// one of those could take an address before the platform listens.
func freeAddresses(ctx context.Context, n int) ([]string, error) {
	const lowest, highest, tries = 10_000, 32_000, 1000
	var addresses []string
	for range tries {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", lowest+rand.N(highest-lowest)))
		if err != nil {
			continue
		}
		defer l.Close() // after the last one is found, so that all differ
		if addresses = append(addresses, l.Addr().String()); len(addresses) == n {
			return addresses, nil
		}
	}
	return nil, errors.New("no free ports below the range of outgoing connections")
}
