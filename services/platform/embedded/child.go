package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// outputDelay is how long a child's output is read after its end: a grandchild
// may hold the pipe open.
const outputDelay = 2 * time.Second

// Child is a process that ends when its parent ends. Safe for concurrent use.
type Child struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of the process; read after done
}

// StartChild starts cmd in a process group of its own, so that the interrupt of
// a terminal reaches only the parent, which then stops its children in order.
//
// death is the signal the child gets when this process ends without stopping
// it (Linux only). The kernel ties that signal to the thread that forked, not
// to the process: so one goroutine keeps its thread for as long as the child
// lives.
func StartChild(cmd *exec.Cmd, death syscall.Signal) (*Child, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	setDeathSignal(cmd.SysProcAttr, death)
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = outputDelay
	}
	c := &Child{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go c.keep(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return c, nil
}

// keep owns the child: it forks it, and waits for it on the same thread.
func (c *Child) keep(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := c.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	c.err = c.cmd.Wait()
	close(c.done)
}

// Pid returns the child's process id.
func (c *Child) Pid() int { return c.cmd.Process.Pid }

// Done is closed when the child has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Err says how the child ended: nil while it lives and after a clean end.
func (c *Child) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

// Stop sends polite and waits until the child has ended. When ctx ends first
// the child gets firm, and a second later SIGKILL. It returns when the child
// is gone, and nil however it went: the caller wanted its end.
func (c *Child) Stop(ctx context.Context, polite, firm os.Signal) error {
	if err := c.signal(polite); err != nil {
		return err
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
	}
	if err := c.signal(firm); err != nil {
		return err
	}
	select {
	case <-c.done:
		return nil
	case <-time.After(time.Second):
	}
	if err := c.signal(os.Kill); err != nil {
		return err
	}
	<-c.done
	return nil
}

func (c *Child) signal(sig os.Signal) error {
	if err := c.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal process %d: %w", c.Pid(), err)
	}
	return nil
}

// SignalGroup sends sig to the child and to every process it started that
// stayed in its group. One that has ended is no error.
func (c *Child) SignalGroup(sig syscall.Signal) error {
	if err := syscall.Kill(-c.Pid(), sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal process group %d: %w", c.Pid(), err)
	}
	return nil
}
