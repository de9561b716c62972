package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	segment "github.com/segmentio/kafka-go"

	"douyin.dev/services/platform/embedded/kafka"
	"douyin.dev/services/platform/embedded/s3"
)

// probeLimit bounds the question behind /readyz: probes ask every few seconds.
const probeLimit = time.Second

// stopLimit bounds the end of a server that is told to stop.
const stopLimit = 20 * time.Second

// serveCommand is "serve": one server that runs until it is told to stop. It is for
// development: a cluster without a broker or a store of its own runs them so.
type serveCommand struct {
	Kafka serveKafka `cmd:"" help:"Run a single-process Kafka."`
	S3    serveS3    `cmd:"" name:"s3" help:"Run a single-process S3."`
}

// serveKafka is "serve kafka".
type serveKafka struct {
	Listen    string `default:":9092" help:"Address of the broker."`
	Advertise string `placeholder:"HOST:PORT" help:"Address clients are told to come to; empty for the one that is bound."`
	Health    string `default:":9090" help:"Address of /livez and /readyz."`
	DataDir   string `required:"" type:"path" help:"Directory of the log."`
}

// serveS3 is "serve s3".
type serveS3 struct {
	Listen    string `default:":9000" help:"Address of the store."`
	Health    string `default:":9090" help:"Address of /livez and /readyz."`
	DataDir   string `required:"" type:"path" help:"Directory of the objects."`
	Bucket    string `default:"douyin" env:"DOUYIN_S3_BUCKET" help:"Bucket that is there from the start."`
	AccessKey string `required:"" env:"DOUYIN_S3_ACCESS_KEY" help:"Access key of the only account."`
	SecretKey string `required:"" env:"DOUYIN_S3_SECRET_KEY" help:"Its secret key."`
}

// Run serves until a signal says stop.
func (c *serveKafka) Run() error {
	return serve(c.Health, func(ctx context.Context, log *slog.Logger) (served, error) {
		srv, err := kafka.Start(ctx, kafka.Options{Dir: c.DataDir, Log: log, Listen: c.Listen, Advertise: c.Advertise, Open: true})
		if err != nil {
			return served{}, err
		}
		log.InfoContext(ctx, "kafka is ready", "listen", c.Listen, "brokers", srv.Brokers())
		return served{ask: c.ask, stop: srv.Stop}, nil
	})
}

// ask is a question any client begins with. It goes to the bound address: the
// advertised one may lead here only when we are ready.
func (c *serveKafka) ask(ctx context.Context) error {
	conn, err := new(segment.Dialer).DialContext(ctx, "tcp", local(c.Listen))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	_, err = conn.ApiVersions()
	return err
}

// Run serves until a signal says stop.
func (c *serveS3) Run() error {
	return serve(c.Health, func(ctx context.Context, log *slog.Logger) (served, error) {
		srv, err := s3.Start(ctx, s3.Options{
			Dir: c.DataDir, Log: log, Listen: c.Listen, Bucket: c.Bucket, AccessKey: c.AccessKey, SecretKey: c.SecretKey,
		})
		if err != nil {
			return served{}, err
		}
		log.InfoContext(ctx, "s3 is ready", "listen", c.Listen, "bucket", c.Bucket)
		return served{ask: c.ask, stop: srv.Stop, done: srv.Done()}, nil
	})
}

// ask wants any answer: without a signature that is a refusal.
func (c *serveS3) ask(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+local(c.Listen)+"/", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// served is a running server.
type served struct {
	ask  func(context.Context) error
	stop func(context.Context) error
	done <-chan struct{} // closed when it ends by itself; may be nil
}

// serve starts a server beside its health endpoint and stops both on a signal.
func serve(health string, start func(context.Context, *slog.Logger) (served, error)) (err error) {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	srv, err := start(ctx, log)
	if err != nil {
		return err
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
		defer cancel()
		err = errors.Join(err, srv.stop(stopping))
	}()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", health)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	probes := &http.Server{Handler: healthOf(srv.ask), ReadHeaderTimeout: probeLimit}
	failed := make(chan error, 1)
	go func() { failed <- probes.Serve(l) }()
	defer func() { _ = probes.Close() }()
	select {
	case <-ctx.Done():
		log.InfoContext(ctx, "stopping")
		return nil
	case err := <-failed:
		return fmt.Errorf("health: %w", err)
	case <-srv.done:
		return errors.New("the server ended by itself")
	}
}

// healthOf answers /livez while the process runs and /readyz while the server answers.
func healthOf(ask func(context.Context) error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), probeLimit)
		defer cancel()
		if err := ask(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}

// local is how this machine calls an address that may name all interfaces.
func local(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
