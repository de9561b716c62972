package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"douyin.dev/services/platform/embedded"
)

// startLimit bounds a start, which takes some 20 ms.
const startLimit = 10 * time.Second

// Options say where and how the server runs.
type Options struct {
	// Dir is the server's working directory. Created if missing.
	Dir string
	// Log gets a line that says which server was chosen. Nil discards it.
	Log *slog.Logger
	// InProcess runs the server in this process even where one is installed.
	InProcess bool
	// Open listens on a loopback port for every process of the machine, and
	// without a password. For tests only.
	Open bool
	// MaxMemoryMiB bounds what the child keeps; 0 means 256.
	MaxMemoryMiB int
}

// Server is a running cache. Safe for concurrent use.
type Server struct {
	lock     *embedded.Lock
	opts     Options
	binary   string // "": in this process
	password string

	mu     sync.Mutex
	engine engine // of the present run
}

var _ embedded.Server = (*Server)(nil)

// engine is what Server stands before: a child or a server in this process.
type engine interface {
	addr() string
	clientCaching() bool
	done() <-chan struct{}
	Err() error
	stop(ctx context.Context) error
}

// socketPrefix begins the address of a socket.
const socketPrefix = "unix:"

// Network returns the network of an address, "unix" or "tcp", and what to dial there.
func Network(address string) (network, target string) {
	if path, ok := strings.CutPrefix(address, socketPrefix); ok {
		return "unix", path
	}
	return "tcp", address
}

// Start runs the cache and returns when it answers. ctx bounds the start, not
// the server's life.
func Start(ctx context.Context, opts Options) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	lock, err := embedded.LockDir(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("embedded redis: %w", err)
	}
	s := &Server{lock: lock, opts: opts}
	s.choose(ctx)
	if err := s.run(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded redis: %w", err), lock.Release())
	}
	return s, nil
}

// choose decides between a child and a server in this process. Who may connect is
// decided by the directory of the socket for the first, by a password that only
// this process knows for the second.
func (s *Server) choose(ctx context.Context) {
	binary := installed()
	if !s.opts.InProcess && binary != "" {
		s.binary = binary
		s.opts.Log.DebugContext(ctx, "cache runs as a child", "binary", binary)
		return
	}
	s.opts.Log.InfoContext(ctx, "cache runs in this process, without client-side caching", "installed", binary)
	if !s.opts.Open {
		s.password = rand.Text()
	}
}

func (s *Server) run(ctx context.Context) (err error) {
	var e engine
	if s.binary == "" {
		e, err = startInProcess(s.password)
	} else {
		e, err = startChild(ctx, s.binary, s.lock, s.opts)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engine = e
	return nil
}

// Restart runs a child that has ended once more; it begins empty.
func (s *Server) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := s.run(ctx); err != nil {
		return fmt.Errorf("embedded redis: %w", err)
	}
	return nil
}

func (s *Server) present() engine {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.engine
}

// Addr returns the address: unix:path of the socket, or host:port.
func (s *Server) Addr() string { return s.present().addr() }

// Password returns what clients authenticate with; "" where none is needed.
func (s *Server) Password() string { return s.password }

// ClientCaching reports whether the server tells clients which keys changed.
func (s *Server) ClientCaching() bool { return s.present().clientCaching() }

// Done is closed when the present run has ended, asked to or not.
func (s *Server) Done() <-chan struct{} { return s.present().done() }

// Err is how the present run ended; nil while it goes on.
func (s *Server) Err() error { return s.present().Err() }

// Stop ends the server; when ctx ends first, at once. Call it once.
func (s *Server) Stop(ctx context.Context) error {
	address := s.Addr()
	return errors.Join(s.present().stop(ctx), s.removeSocketDir(address), s.lock.Release())
}

// removeSocketDir leaves nothing in the temporary directory.
func (s *Server) removeSocketDir(address string) error {
	network, path := Network(address)
	if network != "unix" || s.lock.Within(path) {
		return nil
	}
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		return fmt.Errorf("remove socket directory: %w", err)
	}
	return nil
}
