package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
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
	// NoSync gives up durability across a loss of power. For tests only.
	NoSync bool
}

// Server is a running broker. Safe for concurrent use.
type Server struct {
	lock    *embedded.Lock
	cluster *kfake.Cluster
	address string
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
	l, err := embedded.Listen(lock.Path("port"), opts.Port)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("embedded kafka: %w", err), lock.Release())
	}
	address := l.Addr().String()
	cluster, err := kfake.NewCluster(settings(opts, lock.Path("log"), l)...)
	if err != nil {
		// The library closed l.
		return nil, errors.Join(fmt.Errorf("embedded kafka: open log: %w", err), lock.Release())
	}
	return &Server{lock: lock, cluster: cluster, address: address}, nil
}

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
