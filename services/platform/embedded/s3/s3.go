package s3

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"

	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/embedded"
)

const (
	region = "us-east-1"
	// startLimit bounds a start, which takes some 20 ms.
	startLimit = 15 * time.Second
	// portAttempts is how often another process may take the chosen port
	// between its choice and the gateway's bind.
	portAttempts = 3
	// maxConnections and maxRequests bound what a flood of playbacks may hold open.
	maxConnections = 1024
	maxRequests    = 512
	// maxParts of one multipart upload, S3's own limit.
	maxParts = 10_000
)

// Options say where and how the gateway runs.
type Options struct {
	// Dir holds objects and credentials. Created if missing.
	Dir string
	// Log hears what the gateway cannot tell a client. Nil discards it.
	Log *slog.Logger
	// Port on loopback; 0 means the one it had last time, or any at first.
	Port int
	// Listen is a host:port to bind in place of a loopback port.
	Listen string
	// AccessKey and SecretKey are those of the only account. Empty means the
	// ones made at random on the first start.
	AccessKey, SecretKey string
	// Bucket is created if missing; empty means "douyin".
	Bucket string
	// Sidecar keeps metadata beside the objects even where the file system has
	// extended attributes.
	Sidecar bool
}

// Server is a running gateway. Safe for concurrent use.
type Server struct {
	lock   *embedded.Lock
	opts   Options
	config blob.Config

	mu  sync.Mutex
	run *run // the present one
}

var _ embedded.Server = (*Server)(nil)

// run is the gateway from one start to its end.
type run struct {
	address string
	cancel  context.CancelFunc
	done    chan struct{}
	err     error // of the gateway; read after done
}

// Start runs the gateway and returns when it serves and its bucket exists. ctx
// bounds the start, not the gateway's life.
func Start(ctx context.Context, opts Options) (_ *Server, err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Bucket == "" {
		opts.Bucket = "douyin"
	}
	lock, err := embedded.LockDir(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("embedded s3: %w", err)
	}
	s := &Server{lock: lock, opts: opts}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("embedded s3: %w", err), s.abandon())
		}
	}()
	keys := rootKeys{AccessKey: opts.AccessKey, SecretKey: opts.SecretKey}
	if keys == (rootKeys{}) {
		if keys, err = loadCredentials(lock.Path("credentials.json")); err != nil {
			return nil, err
		}
	}
	if keys.AccessKey == "" || keys.SecretKey == "" {
		return nil, errors.New("one of the two keys is missing")
	}
	s.config = blob.Config{
		Region: region, Bucket: opts.Bucket, PathStyle: true,
		AccessKey: keys.AccessKey, SecretKey: keys.SecretKey,
	}
	if err := s.serve(ctx); err != nil {
		return nil, err
	}
	store, err := blob.Open(ctx, s.config)
	if err != nil {
		return nil, err
	}
	if err := store.EnsureBucket(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// serve runs the gateway on a port nobody else got in between.
func (s *Server) serve(ctx context.Context) error {
	var tried []error
	for range portAttempts {
		address, err := s.address()
		if err == nil {
			err = s.serveAt(ctx, address)
		}
		if err == nil {
			s.config.Endpoint = "http://" + reachable(address)
			return nil
		}
		tried = append(tried, err)
		if s.opts.Port != 0 || s.opts.Listen != "" || ctx.Err() != nil {
			break
		}
	}
	return errors.Join(tried...)
}

// Restart runs a gateway that has ended once more at the same address.
func (s *Server) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := s.serveAt(ctx, s.present().address); err != nil {
		return fmt.Errorf("embedded s3: %w", err)
	}
	return nil
}

// serveAt returns when the gateway listens. One that does not is ended.
func (s *Server) serveAt(ctx context.Context, address string) error {
	objects, err := openBackend(s.lock, s.opts.Sidecar)
	if err != nil {
		return err
	}
	listening := make(chan struct{})
	running, cancel := context.WithCancel(context.Background())
	r := &run{address: address, cancel: cancel, done: make(chan struct{})}
	go s.serveUntil(running, r, objects, listening)
	select {
	case <-listening:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.run = r
		return nil
	case <-r.done:
		cancel()
		return fmt.Errorf("serve on %s: %w", address, r.err)
	case <-ctx.Done():
		cancel()
		<-r.done
		return fmt.Errorf("serve on %s: %w", address, context.Cause(ctx))
	}
}

func (s *Server) present() *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run
}

// address is where to serve. The library binds by itself, so the port is only
// tried here.
func (s *Server) address() (string, error) {
	if s.opts.Listen != "" {
		return s.opts.Listen, nil
	}
	l, err := embedded.Listen(s.lock.Path("port"), s.opts.Port)
	if err != nil {
		return "", err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(embedded.PortOf(l)))
	if err := l.Close(); err != nil {
		return "", fmt.Errorf("free %s: %w", address, err)
	}
	return address, nil
}

// reachable is how this machine calls an address that may name all interfaces.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// serveUntil owns the gateway of a run until ctx ends.
func (s *Server) serveUntil(ctx context.Context, r *run, objects *rooted, listening chan struct{}) {
	defer close(r.done)
	r.err = embedgw.RunVersityGW(ctx, objects, &embedgw.Config{
		RootUserAccess: s.config.AccessKey, RootUserSecret: s.config.SecretKey,
		Region: region, Ports: []string{r.address},
		MaxConnections: maxConnections, MaxRequests: maxRequests, MultipartMaxParts: maxParts,
		KeepAlive: true, Quiet: true, DisableACLs: true,
		// Given, because the library announces on standard output that none is.
		IAMService: auth.NewIAMServiceSingle(auth.Account{
			Access: s.config.AccessKey, Secret: s.config.SecretKey, Role: auth.RoleAdmin,
		}),
		S3Options: []s3api.Option{s3api.WithOnListen(func() { close(listening) })},
	})
}

// Config returns how to open the bucket.
func (s *Server) Config() blob.Config { return s.config }

// Done is closed when the present run has ended, asked to or not.
func (s *Server) Done() <-chan struct{} { return s.present().done }

// Err is how the present run ended; nil while it goes on.
func (s *Server) Err() error {
	r := s.present()
	select {
	case <-r.done:
		return r.err
	default:
		return nil
	}
}

// Stop lets requests finish, at most 10 s. When ctx ends first, Stop returns
// its error and the directory stays locked until they have. Call it once.
func (s *Server) Stop(ctx context.Context) error {
	r := s.present()
	r.cancel()
	select {
	case <-r.done:
		return errors.Join(r.err, s.lock.Release())
	case <-ctx.Done():
		return fmt.Errorf("stop embedded s3: %w", context.Cause(ctx))
	}
}

// abandon undoes a start that failed.
func (s *Server) abandon() error {
	if r := s.present(); r != nil {
		r.cancel()
		<-r.done
	}
	return s.lock.Release()
}

// makeDir creates a directory of ours.
func makeDir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return nil
}
