package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

const (
	headerTimeout   = 5 * time.Second
	shutdownTimeout = 3 * time.Second
)

// Telemetry is what the process tells about itself.
type Telemetry interface {
	Log() *slog.Logger
	// LogLevel shows and changes the level.
	LogLevel() http.Handler
}

func newRegistry() *prometheus.Registry { return prometheus.NewRegistry() }

// privateHandler serves what operators need, on the paths every binary of the
// platform has. Liveness asks nobody.
func privateHandler(registry *prometheus.Registry, tel Telemetry, ready func(context.Context) error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := ready(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	// Ours and those of the controllers' queues and clients, which the library
	// keeps in a registry of its own.
	all := prometheus.Gatherers{registry, ctrlmetrics.Registry}
	mux.Handle("GET /metrics", promhttp.HandlerFor(all, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	mux.Handle("/loglevel", tel.LogLevel())
	return mux
}

// private is the private port. It serves whether this operator leads or waits.
type private struct {
	server   *http.Server
	listener net.Listener
}

func listenPrivate(ctx context.Context, address string, h http.Handler) (*private, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return &private{&http.Server{Handler: h, ReadHeaderTimeout: headerTimeout}, l}, nil
}

func (p *private) address() string { return p.listener.Addr().String() }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (*private) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (p *private) Start(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		_ = p.server.Shutdown(ctx) // what is left is cut with the process
	})()
	if err := p.server.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("private port: %w", err)
	}
	return nil
}
