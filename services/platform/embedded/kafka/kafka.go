package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"douyin.dev/services/platform/embedded"
)

const (
	// retention of records. The library has a default of its own, which may change.
	retention = 7 * 24 * time.Hour
	// offsetRetention is longer: a group that was away for months still knows
	// where it was, and reads from the oldest record kept.
	offsetRetention = 365 * 24 * time.Hour
	// maxMessageBytes is Kafka's default, which the producers are set to as well.
	maxMessageBytes = 1 << 20
)

// Options say where and how the broker runs.
type Options struct {
	// Dir holds the log. Created if missing.
	Dir string
	// Log gets the broker's warnings and errors. Nil discards them.
	Log *slog.Logger
	// Port on loopback; 0 means the one it had last time, or any at first.
	Port int
	// Listen is a host:port to bind in place of a loopback port.
	Listen string
	// Advertise is the host:port that clients are told to come to; empty for
	// the address that is bound. Behind a name that moves, a pod's for example,
	// it is that name.
	Advertise string
	// Open takes every client that reaches the port, without a login. For tests,
	// and where the network decides who reaches it.
	Open bool
	// NoSync gives up durability across a loss of power. For tests only.
	NoSync bool
}

// Server is a running broker. Safe for concurrent use.
type Server struct {
	lock     *embedded.Lock
	cluster  *kfake.Cluster
	address  string
	password string
}

// Start runs the broker on the log in opts.Dir. ctx bounds the start, not the
// broker's life.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("embedded kafka: %w", err)
	}
	lock, err := embedded.LockDir(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("embedded kafka: %w", err)
	}
	srv := &Server{lock: lock}
	if err := srv.serve(ctx, opts); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded kafka: %w", err), lock.Release())
	}
	return srv, nil
}

// serve starts the broker in the locked directory.
func (s *Server) serve(ctx context.Context, opts Options) error {
	log := s.lock.Path("log")
	var login []kfake.Opt
	if !opts.Open {
		var err error
		if s.password, err = loadPassword(s.lock.Path("password")); err != nil {
			return err
		}
		if login, err = requireLogin(s.password, filepath.Join(log, "sasl.json")); err != nil {
			return err
		}
	}
	l, err := listen(ctx, opts, s.lock)
	if err != nil {
		return err
	}
	s.address = l.Addr().String()
	l = bounded{lasting{l, opts.Log}}
	s.cluster, err = kfake.NewCluster(append(settings(opts, log, l), login...)...)
	if err != nil {
		// The library closed l.
		return fmt.Errorf("open log: %w", err)
	}
	return nil
}

// listen binds what opts ask for.
func listen(ctx context.Context, opts Options, lock *embedded.Lock) (net.Listener, error) {
	l, err := bind(ctx, opts, lock)
	if err != nil || opts.Advertise == "" {
		return l, err
	}
	if _, _, err := net.SplitHostPort(opts.Advertise); err != nil {
		return nil, errors.Join(fmt.Errorf("advertise %q: %w", opts.Advertise, err), l.Close())
	}
	return advertised{l, opts.Advertise}, nil
}

func bind(ctx context.Context, opts Options, lock *embedded.Lock) (net.Listener, error) {
	if opts.Listen == "" {
		return embedded.Listen(lock.Path("port"), opts.Port)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", opts.Listen)
	if err != nil {
		return nil, fmt.Errorf("bind: %w", err)
	}
	return l, nil
}

// acceptPause is the time until the next attempt to take a connection in after
// one that failed, for want of file descriptors for example.
const acceptPause = 100 * time.Millisecond

// lasting is a listener that only ends when it is closed: the library stops
// accepting for good after the first error.
type lasting struct {
	net.Listener
	log *slog.Logger
}

// Accept implements net.Listener.
func (l lasting) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err == nil || errors.Is(err, net.ErrClosed) {
			return conn, err
		}
		l.log.Warn("kafka cannot take a connection in and tries again", "error", err)
		time.Sleep(acceptPause)
	}
}

// advertised is a listener known under another address: the library tells
// clients the address of its listener.
type advertised struct {
	net.Listener
	address string
}

func (a advertised) Addr() net.Addr { return name(a.address) }

// name is a host:port as a net.Addr.
type name string

func (name) Network() string  { return "tcp" }
func (n name) String() string { return string(n) }

func settings(opts Options, dir string, l net.Listener) []kfake.Opt {
	set := []kfake.Opt{
		// One broker on the listener that is bound already: no other process
		// can take the port in between. Topics are not made by being named.
		kfake.Ports(embedded.PortOf(l)),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return l, nil }),
		kfake.ClusterID("douyin"),
		kfake.DataDir(dir),
		kfake.WithLogger(logger{opts.Log}),
		kfake.BrokerConfigs(map[string]string{
			"log.retention.ms":          strconv.FormatInt(retention.Milliseconds(), 10),
			"log.retention.bytes":       "-1",
			"offsets.retention.minutes": strconv.Itoa(int(offsetRetention.Minutes())),
			"message.max.bytes":         strconv.Itoa(maxMessageBytes),
		}),
	}
	if !opts.NoSync {
		set = append(set, kfake.SyncWrites())
	}
	return set
}

// Brokers returns the addresses to give to clients, as host:port.
func (s *Server) Brokers() []string { return []string{s.address} }

// Password returns what User logs in with; "" where no login is needed.
func (s *Server) Password() string { return s.password }

// Stop saves and closes the log. The library cannot be hurried: when ctx ends
// first Stop returns its error, the directory stays locked, and the log is as
// good as after a kill -9. Call it once.
func (s *Server) Stop(ctx context.Context) error {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.cluster.Close()
	}()
	select {
	case <-closed:
		return s.lock.Release()
	case <-ctx.Done():
		return fmt.Errorf("stop embedded kafka: %w", context.Cause(ctx))
	}
}

// logger passes on what an operator would want to know.
type logger struct{ log *slog.Logger }

func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	}
	if ctx := context.Background(); l.log.Enabled(ctx, to) {
		l.log.Log(ctx, to, "kafka", "line", fmt.Sprintf(format, args...))
	}
}
