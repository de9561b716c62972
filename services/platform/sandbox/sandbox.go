package sandbox

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

// Sandbox runs programs. It is safe for concurrent use.
type Sandbox struct {
	log *slog.Logger
	// off are layers that are not used: in tests, and those the kernel refused.
	off atomic.Uint32
}

// New returns a sandbox that uses every layer the kernel has, but not those
// that a test leaves out.
func New(log *slog.Logger, without ...Layer) *Sandbox {
	s := &Sandbox{log: log}
	for _, l := range without {
		s.off.Or(uint32(l))
	}
	return s
}

// Layer is one of the ways in which a program is confined. Each is used where
// the kernel has it; none depends on another.
type Layer uint32

const (
	// Namespaces give it a network without interfaces, and no rights outside.
	Namespaces Layer = 1 << iota
	// Landlock leaves no files but the system's programs and what the program was given,
	// no TCP, no other process to be looked into or signalled.
	Landlock
	// Seccomp leaves no sockets and no other calls that a decoder has no use for.
	Seccomp
)

// layers are all there are.
var layers = []Layer{Namespaces, Landlock, Seccomp}

// String returns the layer's name.
func (l Layer) String() string {
	return map[Layer]string{Namespaces: "namespaces", Landlock: "landlock", Seccomp: "seccomp"}[l]
}

func (s *Sandbox) uses(l Layer) bool { return s.off.Load()&uint32(l) == 0 }

// drop stops using a layer, and says so once.
func (s *Sandbox) drop(ctx context.Context, l Layer, err error) {
	if s.off.Or(uint32(l))&uint32(l) == 0 {
		s.log.InfoContext(ctx, "a layer of the sandbox is missing here", "layer", l.String(), "error", err)
	}
}

// Check runs a program in the sandbox once, and logs which layers hold.
func (s *Sandbox) Check(ctx context.Context, path string, args ...string) error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	if err := s.Run(ctx, Program{
		Path: path, Args: args, Files: []*os.File{null}, Out: io.Discard, MaxOutput: maxComplaint, Timeout: time.Minute,
	}); err != nil {
		return err
	}
	var held []string
	for _, l := range layers {
		if s.uses(l) {
			held = append(held, l.String())
		}
	}
	if len(held) == 0 {
		s.log.WarnContext(ctx, "programs that read uploads have the network and the files of this process: the kernel has no layer of the sandbox",
			"program", path)
		return nil
	}
	s.log.InfoContext(ctx, "programs that read uploads are confined", "program", path, "layers", held)
	return nil
}

// maxComplaint bounds what is kept of a program's complaints, in bytes.
const maxComplaint = 4 << 10

// Program is one run of a program.
type Program struct {
	// Path of the program, and its arguments.
	Path string
	Args []string
	// Files may be read. They are descriptors 3 and up, in this order.
	Files []*os.File
	// Dir is a folder that may be written to, and where the program starts; empty
	// for none, in which case it may make no file at all.
	Dir string
	// MaxFile bounds each file that is written to Dir, in bytes.
	MaxFile int64
	// Out gets at most MaxOutput bytes of standard output; longer output is an error.
	Out       io.Writer
	MaxOutput int64
	// Timeout by the wall clock.
	Timeout time.Duration
	// Threads are how many cores it may use all the time; 0 means 1.
	Threads int
	// Nice is how much it yields the processor to others, 0 to 19.
	Nice int
}

// Error is a program that failed.
type Error struct {
	err error
	// Exited is whether it ended by itself: not killed by a signal.
	Exited bool
	// Complaint is the end of what it wrote to its standard error.
	Complaint string
}

// Error has the complaint in it: it is for logs, not for clients.
func (e *Error) Error() string { return fmt.Sprintf("%v: %q", e.err, e.Complaint) }

// Unwrap returns why it failed.
func (e *Error) Unwrap() error { return e.err }

// Run runs a program to its end. Nothing it started is left when Run returns. A
// program that fails, is killed or writes too much is an *Error; in that of one
// that was out of time is context.DeadlineExceeded.
func (s *Sandbox) Run(ctx context.Context, p Program) error {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	cut, complaint := &limited{out: p.Out, left: p.MaxOutput}, &tail{max: maxComplaint}
	command := func() *exec.Cmd {
		cmd := exec.CommandContext(ctx, p.Path, p.Args...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
		cmd.Dir = p.Dir
		cmd.ExtraFiles = p.Files
		cmd.Stdout, cmd.Stderr = cut, complaint
		cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
		cmd.WaitDelay = time.Second
		return cmd
	}
	var err error
	onOwnThread(func() { err = s.runHere(ctx, &p, command) })
	if err == nil && cut.left < 0 {
		err = errors.New("output is too large")
	}
	if err == nil {
		return nil
	}
	var exit *exec.ExitError
	exited := errors.As(err, &exit) && exit.Exited() && ctx.Err() == nil
	if ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return &Error{err: err, Exited: exited, Complaint: complaint.String()}
}

// runHere starts a program from this thread, which is confined with it, and waits.
func (s *Sandbox) runHere(ctx context.Context, p *Program, command func() *exec.Cmd) error {
	cmd, err := s.start(ctx, p, command)
	if err != nil {
		return err
	}
	if err := ration(cmd.Process.Pid, p); err != nil {
		return errors.Join(err, killGroup(cmd.Process.Pid), cmd.Wait())
	}
	err = cmd.Wait()
	// The group outlives its leader while there is anybody in it.
	if left := killGroup(cmd.Process.Pid); left == nil {
		s.log.WarnContext(ctx, "a program left others behind, they were killed", "program", p.Path)
	}
	return err
}

// start confines this thread and starts a command from it. A layer that the
// kernel refuses is left out from then on.
func (s *Sandbox) start(ctx context.Context, p *Program, command func() *exec.Cmd) (*exec.Cmd, error) {
	if err := yield(p.Nice); err != nil {
		return nil, err
	}
	for _, l := range []Layer{Landlock, Seccomp} {
		if !s.uses(l) {
			continue
		}
		if err := restrictThread(l, p); err != nil {
			s.drop(ctx, l, err)
		}
	}
	if s.uses(Namespaces) {
		cmd := command()
		confine(cmd, true)
		err := cmd.Start()
		if err == nil || !refusesNamespaces(err) {
			return cmd, err
		}
		s.drop(ctx, Namespaces, err)
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
