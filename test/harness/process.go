package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// process is a started binary. It leads a process group, so that what it
// started can be ended with it.
type process struct {
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{} // closed when the process has ended and was waited for
}

// spawn starts a binary whose output goes to the end of a file. The process
// outlives ctx: only kill and stop end it.
func spawn(ctx context.Context, binary string, args []string, logPath string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), binary, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = withoutSettings(os.Environ())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		log.Close()
		return nil, fmt.Errorf("run %s: %w", binary, err)
	}
	p := &process{cmd: cmd, log: log, done: make(chan struct{})}
	go func() { // ends with the process
		defer close(p.done)
		defer log.Close()
		_ = cmd.Wait() // how it ended is in the log
	}()
	return p, nil
}

// withoutSettings leaves out what a suite itself is set with: the platform would
// take DOUYIN_SEED, for example, as a setting of its own. A suite sets the
// platform by arguments.
func withoutSettings(environment []string) []string {
	return slices.DeleteFunc(environment, func(pair string) bool { return strings.HasPrefix(pair, "DOUYIN_") })
}

// kill ends the process with SIGKILL, with its group or alone, and waits for it.
func (p *process) kill(group bool) error {
	target := p.cmd.Process.Pid
	if group {
		target = -target
	}
	err := syscall.Kill(target, syscall.SIGKILL)
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill platform: %w", err)
	}
	<-p.done
	return nil
}

// stop ends the process with SIGTERM. One that does not end within the limit is killed, and that is an error.
func (p *process) stop(limit time.Duration) error {
	if err := syscall.Kill(p.cmd.Process.Pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop platform: %w", err)
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.done:
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // children that were left behind
		return nil
	case <-timer.C:
		return errors.Join(fmt.Errorf("platform did not stop within %s of SIGTERM", limit), p.kill(true))
	}
}
