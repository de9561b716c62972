package localmesh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"douyin.dev/services/catalog"
	"douyin.dev/services/infra"
	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/embedded"
	"douyin.dev/services/platform/telemetry"
)

// Command is the configuration of a mesh. What it is given, every process of
// the mesh gets too, from the environment.
type Command struct {
	app.Config     `embed:""`
	infra.Settings `embed:""`
}

const (
	startLimit = time.Minute
	stopLimit  = 25 * time.Second
	// brokenStopLimit is stopLimit after one of the processes ended by itself.
	brokenStopLimit = 2 * time.Second
)

// Main runs a mesh until it is told to stop or one of its processes ends.
// Arguments of components (--gateway-…) go on to the processes they name.
func Main() {
	runtime.LockOSThread() // a child ends with the thread that started it
	var c Command
	own, passed := split(os.Args[1:])
	parser, err := kong.New(&c, kong.Name("mesh"), kong.DefaultEnvars(app.EnvPrefix),
		kong.Description("Every service as a process of its own, on one machine. Settings of a component, --gateway-login-burst for example, are passed on to it."))
	if err == nil {
		_, err = parser.Parse(own)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mesh:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, &c, passed); err != nil {
		fmt.Fprintln(os.Stderr, "mesh:", err)
		os.Exit(1)
	}
}

// line is what is reported of a process.
const line = "%-14s %s   private %s"

// processes returns the names of the gateway and of those behind it, in the order
// in which they start.
func processes() (behind []string, gateway string) {
	for _, s := range catalog.All() {
		if s.Kind == catalog.Edge {
			gateway = s.Name
		} else {
			behind = append(behind, s.Name)
		}
	}
	return behind, gateway
}

// split separates the arguments of components from those of the mesh.
func split(args []string) (own []string, passed map[string][]string) {
	passed = map[string][]string{}
	for _, a := range args {
		component := ""
		for _, s := range catalog.All() {
			// --counter-worker-… begins with --counter-, too: the longer name it is.
			if strings.HasPrefix(a, "--"+s.Name+"-") && len(s.Name) > len(component) {
				component = s.Name
			}
		}
		if component == "" {
			own = append(own, a)
		} else {
			passed[component] = append(passed[component], a)
		}
	}
	return own, passed
}

func run(ctx context.Context, c *Command, passed map[string][]string) (err error) {
	log := slog.New(telemetry.NewLogHandler(os.Stderr, c.LogLevel)).With("service", "mesh")
	report := func(format string, args ...any) { fmt.Fprintf(os.Stdout, format+"\n", args...) }
	running, err := infra.Start(ctx, c.Settings, &c.Config, log, report)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, running.Stop(context.WithoutCancel(ctx))) }()

	behind, gateway := processes()
	m := &mesh{command: c, passed: passed, ended: make(chan error, len(behind)+1)}
	defer func() { m.stop(stopLimitAfter(err)) }()
	peers := make([]string, len(behind))
	free, err := embedded.FreeAddresses(ctx, 2*len(behind))
	if err != nil {
		return err
	}
	listens := map[string][2]string{}
	for i, name := range behind {
		listens[name] = [2]string{free[2*i], free[2*i+1]}
		peers[i] = name + "=http://" + free[2*i]
	}
	for _, name := range behind {
		if err := m.start(ctx, name, listens[name][0], listens[name][1], strings.Join(peers, ";")); err != nil {
			return err
		}
	}
	for _, name := range behind {
		if err := m.ready(ctx, name, listens[name][1]); err != nil {
			return err
		}
		report(line, name, "http://"+listens[name][0], "http://"+listens[name][1])
	}
	if err := m.start(ctx, gateway, c.Listen, c.PrivateListen, strings.Join(peers, ";")); err != nil {
		return err
	}
	if err := m.ready(ctx, gateway, c.PrivateListen); err != nil {
		return err
	}
	report(line, gateway, c.Listen, c.PrivateListen)
	select {
	case <-ctx.Done():
		return nil
	case err := <-m.ended:
		// Now and not only at the end: the others are still to be stopped.
		log.ErrorContext(ctx, "a process of the mesh ended, stopping the others", "error", err)
		return err
	}
}

// stopLimitAfter is how long the processes have to stop. Those of a mesh that is
// not whole any more have little to finish.
func stopLimitAfter(err error) time.Duration {
	if err != nil {
		return brokenStopLimit
	}
	return stopLimit
}

// mesh is the started processes.
type mesh struct {
	command   *Command
	passed    map[string][]string
	processes []*exec.Cmd
	running   sync.WaitGroup
	ended     chan error // of each process, once
}

// errEnded is the reason of a process that ended with success before it was stopped.
var errEnded = errors.New("exit status 0")

// start runs the binary beside this one.
func (m *mesh) start(ctx context.Context, name, listen, private, peers string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// Its end is Stop's to decide: a context would kill it where it should drain.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(filepath.Dir(self), name), m.passed[name]...)
	c := m.command
	stores, err := app.Environment(&c.Config, "postgres-", "redis-", "kafka-", "s3-")
	if err != nil {
		return err
	}
	cmd.Env = append(os.Environ(),
		"DOUYIN_LISTEN="+listen, "DOUYIN_PRIVATE_LISTEN="+private, "DOUYIN_PEERS="+peers,
		"DOUYIN_LOG_LEVEL="+c.LogLevel.String(),
	)
	cmd.Env = append(cmd.Env, stores...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = childAttributes()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	m.processes = append(m.processes, cmd)
	m.running.Go(func() {
		m.ended <- fmt.Errorf("%s ended: %w", name, cmp.Or(cmd.Wait(), errEnded))
	})
	return nil
}

// ready waits until a process says that it is.
func (m *mesh) ready(ctx context.Context, name, private string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+private+"/readyz", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-m.ended:
			return err
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", name, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop ends the processes, the gateway first, and waits for them. After the limit
// those that are left are killed.
func (m *mesh) stop(limit time.Duration) {
	for i := len(m.processes) - 1; i >= 0; i-- {
		_ = m.processes[i].Process.Signal(syscall.SIGTERM)
	}
	kill := time.AfterFunc(limit, func() {
		for _, p := range m.processes {
			_ = p.Process.Kill()
		}
	})
	defer kill.Stop()
	m.running.Wait()
}
