package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"connectrpc.com/connect"
	"github.com/KimMachineGun/automemlimit/memlimit"

	"douyin.dev/services/platform/client"
	"douyin.dev/services/platform/rpc"
	"douyin.dev/services/platform/telemetry"
)

// Main runs a component as a process: it returns when the process was told to
// stop and has drained, or when another command is done. It exits with 1 when
// that failed, and with 2 when it was called wrongly.
func Main(name string, component Component) {
	config, cmd, err := parse(name, component, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := do(ctx, cmd, name, config, component, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}

// Run runs a component until ctx ends, then drains: unready, no new calls, the
// calls under way, the loops, what was opened, newest first, telemetry last.
func Run(ctx context.Context, name string, config *Config, component Component) error {
	return run(ctx, name, config, component, os.Stderr)
}

func run(ctx context.Context, name string, config *Config, component Component, logTo io.Writer) (err error) {
	tel, err := telemetry.Start(ctx, telemetry.Config{
		Service: name, Version: version, LogLevel: config.LogLevel, LogTo: logTo,
		SampleRatio: config.TraceRatio, TracesPerSecond: config.TraceRate, Spans: config.TraceSpans,
	})
	if err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	tel.Install()
	log := tel.Log()
	slog.SetDefault(log)
	defer func() { err = errors.Join(err, tel.Shutdown(context.WithoutCancel(ctx))) }()
	if _, err := memlimit.Set(); err != nil {
		log.DebugContext(ctx, "no memory limit found", "error", err)
	}

	credentials, err := config.credentials(log)
	if err != nil {
		return err
	}
	calls, err := rpc.ClientOptions()
	if err != nil {
		return err
	}
	p := &process{config: config, log: log, loops: newLoops(), credentials: credentials, calls: connect.WithClientOptions(calls...)}
	defer func() {
		err = errors.Join(err, p.close(context.WithoutCancel(ctx)))
		if drained := p.drainBegan; !drained.IsZero() {
			log.InfoContext(context.WithoutCancel(ctx), "stopped", "after", time.Since(drained).Round(time.Millisecond).String(), "error", err)
		}
	}()
	rt := &Runtime{Service: name, Config: config, Log: log, process: p, mux: http.NewServeMux()}

	memory := int64(serviceMemory)
	if _, whole := component.(Whole); whole {
		memory = wholeMemory
	}
	rt.Go("garbage", func(ctx context.Context) error { return spendMemory(ctx, memory) })

	var ready atomic.Bool
	private, err := listen(ctx, "private-listen", config.PrivateListen)
	if err != nil {
		return err
	}
	privateServer := rpc.NewServer(privateHandler(p, tel, &ready))
	rt.Go("private", Serve(privateServer, private))
	defer privateServer.Close()

	public, err := listen(ctx, "listen", config.Listen)
	if err != nil {
		return err
	}
	if err := rt.ConnectBus(ctx); err != nil {
		return err
	}
	if err := component.Mount(ctx, rt); err != nil {
		_ = public.Close()
		return fmt.Errorf("mount %s: %w", name, err)
	}
	server := p.server(p.farewell(asSent(rt.mux)))
	if p.forClients != nil {
		server = rpc.ForClients(server)
		if public, err = client.Listen(public, *p.forClients); err != nil {
			return err
		}
	}
	server.BaseContext = func(net.Listener) context.Context { return p.loops.ctx }
	rt.Go("public", Serve(server, public))
	rt.Go("dependencies", p.watch)
	ready.Store(true)
	log.InfoContext(ctx, "ready", "listen", public.Addr().String(), "private", private.Addr().String())

	var failure error
	select {
	case <-ctx.Done():
		log.InfoContext(ctx, "draining")
	case failure = <-p.loops.failed:
		// Said now and not only by whoever gets the error: the drain takes its time.
		log.ErrorContext(ctx, "draining, a loop failed", "error", failure)
	}
	p.drainBegan = time.Now()
	ready.Store(false)
	return errors.Join(failure, p.drain(server))
}

// listen binds the address of a setting. An error names the setting, because
// another process on the same port is what newcomers meet first.
func listen(ctx context.Context, setting, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		variable := EnvPrefix + "_" + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
		return nil, fmt.Errorf("%w; choose another address with --%s or %s", err, setting, variable)
	}
	return l, nil
}

// Serve returns a loop that serves until ctx ends, or until the server was shut
// down: over TLS if the server has a configuration for it.
func Serve(s *http.Server, l net.Listener) func(context.Context) error {
	serve := s.Serve
	if s.TLSConfig != nil {
		serve = func(l net.Listener) error { return s.ServeTLS(l, "", "") }
	}
	return func(ctx context.Context) error {
		defer context.AfterFunc(ctx, func() { _ = s.Close() })()
		if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}

// close stops the loops, then closes what was opened, newest first.
func (p *process) close(ctx context.Context) error {
	p.loops.stop()
	ctx, cancel := context.WithTimeout(ctx, p.config.DrainTimeout)
	defer cancel()
	var errs []error
	for i := len(p.closers) - 1; i >= 0; i-- {
		c := p.closers[i]
		if err := c.fn(ctx); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", c.name, err))
		}
	}
	return errors.Join(errs...)
}
