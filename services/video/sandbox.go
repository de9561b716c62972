package video

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

// sandbox runs programs that read what strangers sent: for a limited time, with
// limited memory, processor time and files, in a process group of their own, and
// without network, without other files and without sight of other processes, as
// far as the kernel lets this process take that away (see layer).
type sandbox struct {
	log *slog.Logger
	// off are layers that are not used: in tests, and those the kernel refused.
	off atomic.Uint32
}

// layer is one of the ways in which a program is confined. Each is used where
// the kernel has it; none depends on another.
type layer uint32

const (
	// namespaces of its own: a network without interfaces, no rights outside.
	namespaces layer = 1 << iota
	// landlock: no files but the system's programs and the video, no TCP, no other
	// process to be looked into or signalled.
	landlock
	// seccomp: no sockets, no other calls that a decoder has no use for.
	seccomp
)

func (l layer) String() string {
	return map[layer]string{namespaces: "namespaces", landlock: "landlock", seccomp: "seccomp"}[l]
}

func (s *sandbox) uses(l layer) bool { return s.off.Load()&uint32(l) == 0 }

// drop stops using a layer, and says so once.
func (s *sandbox) drop(ctx context.Context, l layer, err error) {
	if s.off.Or(uint32(l))&uint32(l) == 0 {
		s.log.InfoContext(ctx, "a layer of the sandbox is missing here", "layer", l.String(), "error", err)
	}
}

// check runs a program in the sandbox once, and logs which layers hold.
func (s *sandbox) check(ctx context.Context, program string, args ...string) error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	if err := s.run(ctx, time.Minute, maxComplaint, io.Discard, null, program, args...); err != nil {
		return err
	}
	var held []string
	for _, l := range []layer{namespaces, landlock, seccomp} {
		if s.uses(l) {
			held = append(held, l.String())
		}
	}
	if len(held) == 0 {
		s.log.WarnContext(ctx, "programs that read videos have the network and the files of this process: the kernel has no layer of the sandbox",
			"program", program)
		return nil
	}
	s.log.InfoContext(ctx, "programs that read videos are confined", "program", program, "layers", held)
	return nil
}

// maxComplaint bounds what is kept of a program's complaints, in bytes.
const maxComplaint = 4 << 10

// programError is a program that failed.
type programError struct {
	err error
	// exited is whether it ended by itself: not killed by a signal.
	exited bool
	// complaint is the end of what it wrote to its standard error.
	complaint string
}

func (e *programError) Error() string { return fmt.Sprintf("%v: %q", e.err, e.complaint) }
func (e *programError) Unwrap() error { return e.err }

// run gives a program a file as descriptor 3 and at most limit bytes of its
// output to out. Nothing it started is left when run returns.
func (s *sandbox) run(ctx context.Context, timeout time.Duration, limit int64, out io.Writer, file *os.File, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cut, complaint := &limited{out: out, left: limit}, &tail{max: maxComplaint}
	command := func() *exec.Cmd {
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
		cmd.ExtraFiles = []*os.File{file}
		cmd.Stdout, cmd.Stderr = cut, complaint
		cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
		cmd.WaitDelay = time.Second
		return cmd
	}
	var err error
	onOwnThread(func() { err = s.runHere(ctx, timeout, command, file, program) })
	if err == nil && cut.left < 0 {
		err = errors.New("output is too large")
	}
	if err == nil {
		return nil
	}
	var exit *exec.ExitError
	exited := errors.As(err, &exit) && exit.Exited() && ctx.Err() == nil
	return &programError{err: err, exited: exited, complaint: complaint.String()}
}

// runHere starts a program from this thread, which is confined with it, and waits.
func (s *sandbox) runHere(ctx context.Context, timeout time.Duration, command func() *exec.Cmd, file *os.File, program string) error {
	cmd, err := s.start(ctx, command, file, program)
	if err != nil {
		return err
	}
	// At least a second more than by the clock, so that the clock decides.
	if err := ration(cmd.Process.Pid, uint64(timeout.Seconds())+2); err != nil {
		return errors.Join(err, killGroup(cmd.Process.Pid), cmd.Wait())
	}
	err = cmd.Wait()
	// The group outlives its leader while there is anybody in it.
	if left := killGroup(cmd.Process.Pid); left == nil {
		s.log.WarnContext(ctx, "a program left others behind, they were killed", "program", program)
	}
	return err
}

// start confines this thread and starts a command from it. A layer that the
// kernel refuses is left out from then on.
func (s *sandbox) start(ctx context.Context, command func() *exec.Cmd, file *os.File, program string) (*exec.Cmd, error) {
	for _, l := range []layer{landlock, seccomp} {
		if !s.uses(l) {
			continue
		}
		if err := restrictThread(l, file, program); err != nil {
			s.drop(ctx, l, err)
		}
	}
	if s.uses(namespaces) {
		cmd := command()
		confine(cmd, true)
		err := cmd.Start()
		if err == nil || !refusesNamespaces(err) {
			return cmd, err
		}
		s.drop(ctx, namespaces, err)
	}
	if err := dropCapabilities(); err != nil {
		return nil, err
	}
	cmd := command()
	confine(cmd, false)
	return cmd, cmd.Start()
}

// killGroup kills a process group; nil when there was one.
func killGroup(leader int) error { return syscall.Kill(-leader, syscall.SIGKILL) }

// limited passes on what was allowed and drops the rest: left is negative then.
type limited struct {
	out  io.Writer
	left int64
}

// Write never fails for the length: a program whose output is cut ends by itself.
func (l *limited) Write(p []byte) (int, error) {
	allowed := p[:min(int64(len(p)), max(l.left, 0))]
	l.left -= int64(len(p))
	if _, err := l.out.Write(allowed); err != nil {
		return 0, err
	}
	return len(p), nil
}

// tail keeps the last max bytes written to it.
type tail struct {
	kept bytes.Buffer
	max  int
}

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.kept.Write(p)
	if over := t.kept.Len() - t.max; over > 0 {
		t.kept.Next(over)
	}
	return len(p), nil
}

// String returns what was kept.
func (t *tail) String() string { return t.kept.String() }
