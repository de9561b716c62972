package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	// A program that another test starts meanwhile would hold the file open for
	// writing until it runs, and one that is open for writing does not start.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func tempFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// runs a shell script in a sandbox.
func inSandbox(t *testing.T, timeout time.Duration, body string) (string, error) {
	t.Helper()
	return outputOf(t.Context(), t, openSandbox(), timeout, 1<<20, script(t, body))
}

// openSandbox leaves programs the files: what is tested reads /proc.
func openSandbox() *Sandbox { return New(quiet(), Landlock) }

func outputOf(ctx context.Context, t *testing.T, s *Sandbox, timeout time.Duration, limit int64, program string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := s.Run(ctx, Program{
		Path: program, Args: args, Files: []*os.File{tempFile(t)}, Out: &out, MaxOutput: limit, Timeout: timeout,
	})
	return out.String(), err
}

func pidIn(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// gone waits until a process has ended.
func gone(t *testing.T, what string, pid int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ended(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s is still there", what)
		}
	}
}

// ended also holds for one that nobody has waited for yet.
func ended(pid int) bool {
	if syscall.Kill(pid, 0) == syscall.ESRCH {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// A program that hangs is killed with all it started, by the clock or with its
// caller; so is what one leaves behind that ends.
func TestNothingOutlivesASandbox(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body    string
		timeout time.Duration
		leave   bool // the caller goes away
		want    error
	}{
		"hangs":        {"sleep 600 >&- 2>&- & echo $! >%s; wait", time.Second, false, context.DeadlineExceeded},
		"caller left":  {"sleep 600 & echo $! >%s; wait", time.Minute, true, context.Canceled},
		"leaves child": {"sleep 600 >&- 2>&- & echo $! >%s", time.Minute, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The program may make no file, so one is there for it; what it may not
			// make longer it can still be given as a descriptor of ours.
			pid := filepath.Join(t.TempDir(), "pid")
			pipe(t, pid)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			read := make(chan int, 1)
			go func() {
				read <- pidIn(t, pid) // blocks until the script writes
				if c.leave {
					cancel()
				}
			}()
			started := time.Now()
			_, err := outputOf(ctx, t, openSandbox(), c.timeout, 1<<20, script(t, fmt.Sprintf(c.body, pid)))
			if !errors.Is(err, c.want) {
				t.Errorf("ended with %v, want %v", err, c.want)
			}
			if took := time.Since(started); took > 30*time.Second {
				t.Errorf("took %v", took)
			}
			gone(t, "the child", <-read)
		})
	}
}

// pipe makes a named pipe: writing to it makes no file longer.
func pipe(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}

// awaitLimits begins a script that must not start before it is limited, by the
// last of the limits: a test sees what a program can do in the end, not in its
// first microseconds.
const awaitLimits = "until grep -q 'Max open files *64 ' /proc/self/limits; do :; done\n"

func TestSandboxLimitsWhatAProgramUses(t *testing.T) {
	t.Parallel()
	out, err := inSandbox(t, 30*time.Second, awaitLimits+"cat /proc/self/limits")
	if err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[string]string{
		"Max cpu time": "32", "Max file size": "0", "Max core file size": "0", "Max open files": "64", "Max address space": "2147483648",
	} {
		line := ""
		for _, l := range strings.Split(out, "\n") {
			if strings.HasPrefix(l, limit) {
				line = l
			}
		}
		if fields := strings.Fields(strings.TrimPrefix(line, limit)); len(fields) < 2 || fields[0] != want || fields[1] != want {
			t.Errorf("%s: %q, want %s", limit, line, want)
		}
	}
	var threads bytes.Buffer
	if err := openSandbox().Run(t.Context(), Program{
		Path: script(t, awaitLimits+"grep 'Max cpu time' /proc/self/limits"), Out: &threads, MaxOutput: 1000, Timeout: 30 * time.Second, Threads: 4,
	}); err != nil || !strings.Contains(threads.String(), " 122 ") {
		t.Errorf("of four threads: %q, %v", threads.String(), err)
	}
	// And that they hold, also for what the program starts.
	if out, err := inSandbox(t, time.Minute, awaitLimits+"dd if=/dev/zero of=/dev/null bs=3000M count=1 && echo enough"); strings.Contains(out, "enough") {
		t.Errorf("3 GB of memory were to be had: %v", err)
	}
	file := filepath.Join(t.TempDir(), "made")
	if out, err := inSandbox(t, time.Minute, awaitLimits+"echo x >"+file+" && echo written"); strings.Contains(out, "written") {
		t.Errorf("a file was written: %v", err)
	}
}

// Where this process may take the network away, the program has none; where
// not, it runs all the same.
func TestSandboxHasNoNetwork(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	s := openSandbox()
	out, err := outputOf(t.Context(), t, s, time.Minute, 1<<20, script(t, "grep -c : /proc/self/net/dev; cat /proc/self/net/route | wc -l"))
	if err != nil {
		t.Fatal(err)
	}
	interfaces := strings.Fields(out)
	if !s.uses(Namespaces) {
		if interfaces[0] == "1" {
			t.Errorf("no network although it could not be taken away: %q", out)
		}
		return
	}
	if interfaces[0] != "1" { // the loopback, which is down
		t.Errorf("a network is left: %q", out)
	}
}

// Where namespaces are refused, as in most containers, programs run without.
func TestSandboxRunsWithoutNamespaces(t *testing.T) {
	t.Parallel()
	s := New(quiet(), Namespaces)
	out, err := outputOf(t.Context(), t, s, time.Minute, 1<<20, script(t, "echo done"))
	if err != nil || out != "done\n" {
		t.Errorf("%q, %v", out, err)
	}
	if !refusesNamespaces(&os.PathError{Op: "fork/exec", Path: "ffmpeg", Err: syscall.EPERM}) {
		t.Error("a refusal is taken for something else")
	}
	if _, err := outputOf(t.Context(), t, s, time.Minute, 1<<20, "/no/such/program"); err == nil {
		t.Error("a program that is not there ran")
	}
}

// Also as root, with and without namespaces.
func TestSandboxHasNoCapabilities(t *testing.T) {
	t.Parallel()
	for _, off := range []Layer{Landlock, Landlock | Namespaces} {
		s := New(quiet(), off)
		out, err := outputOf(t.Context(), t, s, time.Minute, 1<<20, script(t, "grep -E 'CapEff|CapPrm|NoNewPrivs' /proc/self/status"))
		if err != nil || strings.Count(out, ":\t0000000000000000\n") != 2 || !strings.Contains(out, "NoNewPrivs:\t1\n") {
			t.Errorf("without layers %03b: %q, %v", off, out, err)
		}
	}
}

func TestSandboxCutsLongOutput(t *testing.T) {
	t.Parallel()
	if _, err := outputOf(t.Context(), t, openSandbox(), time.Minute, 1000, script(t, "head -c 100000 /dev/zero")); err == nil {
		t.Error("100 kB of output were taken where 1000 bytes are allowed")
	}
}

// A program that is given a folder may write there, files of a bounded size,
// and nowhere else.
func TestSandboxWritesToItsFolderOnly(t *testing.T) {
	t.Parallel()
	for _, off := range []Layer{0, Namespaces, Landlock, Seccomp} {
		t.Run(fmt.Sprintf("without layers %03b", off), func(t *testing.T) {
			t.Parallel()
			dir, elsewhere, s := t.TempDir(), filepath.Join(t.TempDir(), "made"), New(quiet(), off)
			var out bytes.Buffer
			err := s.Run(t.Context(), Program{
				Path: script(t, "until [ $(ulimit -n) = 64 ]; do :; done; echo first >made; mv made kept; echo more >>kept; echo x >gone; rm gone\n"+
					"(echo x >"+elsewhere+") && echo elsewhere\n"+
					"printf '%1000s' x >large; (printf '%1001s' x >larger) && echo too large\ntrue"),
				Dir: dir, MaxFile: 1000, Out: &out, MaxOutput: 1000, Timeout: time.Minute,
			})
			if err != nil {
				t.Fatal(err)
			}
			if kept, err := os.ReadFile(filepath.Join(dir, "kept")); err != nil || string(kept) != "first\nmore\n" {
				t.Errorf("kept %q, %v", kept, err)
			}
			for name, want := range map[string]int64{"large": 1000, "larger": 1000} {
				if f, err := os.Stat(filepath.Join(dir, name)); err != nil || f.Size() != want {
					t.Errorf("%s has not %d bytes: %v, %v", name, want, f, err)
				}
			}
			if strings.Contains(out.String(), "too large") {
				t.Error("a file may be larger than allowed")
			}
			if got := strings.Contains(out.String(), "elsewhere"); got == s.uses(Landlock) {
				t.Errorf("written elsewhere: %v, with Landlock: %v", got, s.uses(Landlock))
			}
		})
	}
}

func TestAProgramYieldsAsToldAndThisProcessDoesNot(t *testing.T) {
	t.Parallel()
	own, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = openSandbox().Run(t.Context(), Program{
		Path: script(t, `set -- $(cat /proc/self/stat); echo ${19}`), Files: []*os.File{tempFile(t)},
		Out: &out, MaxOutput: 100, Timeout: time.Minute, Nice: 15,
	})
	if got := strings.TrimSpace(out.String()); err != nil || got != "15" {
		t.Errorf("nice %s, %v", got, err)
	}
	if now, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err != nil || now != own {
		t.Errorf("this process yields %d instead of %d, %v", now, own, err)
	}
}
