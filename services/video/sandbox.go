package video

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

// sandbox runs programs that read what strangers sent: for a limited time, with
// limited memory, processor time and files, in a process group of their own,
// and without a network where the system allows to take it away.
type sandbox struct {
	log *slog.Logger
	// online is set when the network cannot be taken away here.
	online atomic.Bool
}

// maxComplaint bounds what is kept of a program's complaints, in bytes.
const maxComplaint = 1 << 10

// run gives a program a file as descriptor 3 and returns at most limit bytes of
// its output. Nothing it started is left when run returns.
func (s *sandbox) run(ctx context.Context, timeout time.Duration, limit int, file *os.File, program string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	defer holdThread()()
	out, complaint := &limited{max: limit}, &limited{max: maxComplaint}
	cmd, err := s.start(ctx, func() *exec.Cmd {
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
		cmd.ExtraFiles = []*os.File{file}
		cmd.Stdout, cmd.Stderr = out, complaint
		cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
		cmd.WaitDelay = time.Second
		return cmd
	})
	if err != nil {
		return nil, err
	}
	// At least a second more than by the clock, so that the clock decides.
	if err := ration(cmd.Process.Pid, uint64(timeout.Seconds())+2); err != nil {
		return nil, errors.Join(err, killGroup(cmd.Process.Pid), cmd.Wait())
	}
	err = cmd.Wait()
	// The group outlives its leader while there is anybody in it.
	if left := killGroup(cmd.Process.Pid); left == nil {
		s.log.WarnContext(ctx, "a program left others behind, they were killed", "program", program)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %q", err, complaint.kept.Bytes())
	}
	if out.cut {
		return nil, errors.New("output is too large")
	}
	return out.kept.Bytes(), nil
}

// start starts a command offline, or online where there is no other way. It
// finds out once.
func (s *sandbox) start(ctx context.Context, command func() *exec.Cmd) (*exec.Cmd, error) {
	if !s.online.Load() {
		cmd := command()
		confine(cmd, true)
		err := cmd.Start()
		if err == nil || !refusesNamespaces(err) {
			return cmd, err
		}
		if !s.online.Swap(true) {
			s.log.InfoContext(ctx, "programs that read videos keep the network: this process may not take it from them", "error", err)
		}
	}
	cmd := command()
	confine(cmd, false)
	return cmd, cmd.Start()
}

// killGroup kills a process group; nil when there was one.
func killGroup(leader int) error { return syscall.Kill(-leader, syscall.SIGKILL) }

// limited keeps the first max bytes written to it and drops the rest. The buffer
// is not embedded: io.Copy would read into it past the bound.
type limited struct {
	kept bytes.Buffer
	max  int
	cut  bool
}

// Write never fails: a program whose output is cut ends by itself.
func (l *limited) Write(p []byte) (int, error) {
	keep := p[:min(len(p), l.max-l.kept.Len())]
	l.cut = l.cut || len(keep) < len(p)
	l.kept.Write(keep)
	return len(p), nil
}
