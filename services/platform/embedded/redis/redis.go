package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"douyin.dev/services/platform/embedded"
)

// startLimit bounds a start, which takes some 20 ms.
const startLimit = 10 * time.Second

// Options say where and how the server runs.
type Options struct {
	// Dir is the server's working directory. Created if missing.
	Dir string
	// Log hears which server was chosen. Nil discards it.
	Log *slog.Logger
	// InProcess runs the server in this process even where one is installed.
	InProcess bool
	// MaxMemoryMiB bounds what the child keeps; 0 means 256.
	MaxMemoryMiB int
}

// Server is a running cache. Safe for concurrent use.
type Server struct {
	lock   *embedded.Lock
	engine engine
}

// engine is what Server stands before: a child or a server in this process.
type engine interface {
	addr() string
	clientCaching() bool
	done() <-chan struct{}
	stop(ctx context.Context) error
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
	e, err := choose(ctx, lock.Dir(), opts)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("embedded redis: %w", err), lock.Release())
	}
	return &Server{lock: lock, engine: e}, nil
}

func choose(ctx context.Context, dir string, opts Options) (engine, error) {
	binary := installed()
	if opts.InProcess || binary == "" {
		opts.Log.InfoContext(ctx, "cache runs in this process, without client-side caching", "installed", binary)
		return startInProcess()
	}
	opts.Log.DebugContext(ctx, "cache runs as a child", "binary", binary)
	return startChild(ctx, binary, dir, opts)
}

// Addr returns the address as host:port.
func (s *Server) Addr() string { return s.engine.addr() }

// ClientCaching reports whether the server tells clients which keys changed.
func (s *Server) ClientCaching() bool { return s.engine.clientCaching() }

// Done is closed when the server has ended, asked to or not.
func (s *Server) Done() <-chan struct{} { return s.engine.done() }

// Stop ends the server; when ctx ends first, at once. Call it once.
func (s *Server) Stop(ctx context.Context) error {
	return errors.Join(s.engine.stop(ctx), s.lock.Release())
}
