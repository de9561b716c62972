// Package runner runs a command with test infrastructure around it: it starts
// what the environment does not name, tells the command where everything is,
// passes on signals, and cleans up whatever happens.
package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"douyin.dev/services/platform/embedded"
	"douyin.dev/services/platform/infratest/rig"
)

const (
	// startLimit leaves time for the first download of Apache Kafka.
	startLimit = 5 * time.Minute
	stopLimit  = 20 * time.Second
	// notRun is what a shell answers for a command it cannot run.
	notRun = 127
	// bySignal is added to the signal that ended a command, as a shell does.
	bySignal = 128
)

// Command is "run". Its tags are the command line.
type Command struct {
	Infra   string   `enum:"usual,real,embedded" default:"usual" help:"What to start for Redis and Kafka: redis-server and Apache Kafka (real), both in process (embedded), or what is there and starts fastest (usual)."`
	Kafka   string   `placeholder:"HOST:PORT" help:"Use this running broker instead of starting one."`
	Command []string `arg:"" passthrough:"" help:"The command and its arguments, after --."`
}

// ExitError asks main for the exit code of the command.
type ExitError struct{ Code int }

func (e ExitError) Error() string { return fmt.Sprintf("exit status %d", e.Code) }

// Run starts the infrastructure, runs the command and removes the
// infrastructure. A command that fails gives an ExitError.
func (c *Command) Run() error {
	words := c.words()
	if len(words) == 0 {
		return errors.New("no command after --")
	}
	// Before anything runs, so that no interrupt leaves a server behind.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)

	r := rig.New(c.getenv)
	env, err := start(r, signals)
	if err == nil {
		err = run(words, env, signals)
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	if cerr := r.Close(ctx); cerr != nil {
		return errors.Join(cerr, err)
	}
	return err
}

// words drops the "--" that separates the command.
func (c *Command) words() []string {
	if i := slices.Index(c.Command, "--"); i == 0 {
		return c.Command[1:]
	}
	return c.Command
}

// getenv puts the flags before the environment.
func (c *Command) getenv(name string) string {
	switch {
	case name == rig.InfraVar && c.Infra != "usual":
		return c.Infra
	case name == rig.KafkaVar && c.Kafka != "":
		return c.Kafka
	default:
		return os.Getenv(name)
	}
}

// start gives up when a signal arrives: there is no command yet to pass it to.
func start(r *rig.Rig, signals <-chan os.Signal) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	type result struct {
		env []string
		err error
	}
	started := make(chan result, 1)
	go func() {
		env, err := r.Environment(ctx)
		started <- result{env, err}
	}()
	select {
	case res := <-started:
		return res.env, res.err
	case sig := <-signals:
		cancel()
		<-started
		return nil, fmt.Errorf("interrupted while starting: %w", codeOf(sig))
	}
}

// run runs the command in a process group of its own, which gets our signals.
func run(words, env []string, signals <-chan os.Signal) error {
	// Signals end the command, no context.
	cmd := exec.CommandContext(context.Background(), words[0], words[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	child, err := embedded.StartChild(cmd, syscall.SIGTERM)
	if err != nil {
		return errors.Join(err, ExitError{notRun})
	}
	for {
		select {
		case <-child.Done():
			return exitOf(child.Err())
		case sig := <-signals:
			if s, ok := sig.(syscall.Signal); ok {
				if err := child.SignalGroup(s); err != nil {
					return err
				}
			}
		}
	}
}

// exitOf turns the end of a command into the code a shell would give.
func exitOf(err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return codeOf(ws.Signal())
	}
	return ExitError{exit.ExitCode()}
}

func codeOf(sig os.Signal) error {
	if s, ok := sig.(syscall.Signal); ok {
		return ExitError{bySignal + int(s)}
	}
	return ExitError{1}
}
