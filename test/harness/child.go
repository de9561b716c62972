package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Child returns the process id of what the platform's own process started under
// one of the names: a service of a mesh, "postgres", or "redis-server" and
// "valkey-server". It needs Linux, and a server of our own.
func (s *Server) Child(names ...string) (int, error) {
	if s.external {
		return 0, ErrExternal
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return 0, errors.New("find child: the platform is down")
	}
	found, err := childrenOf(s.process.cmd.Process.Pid, names...)
	if err != nil || len(found) == 0 {
		return 0, fmt.Errorf("find child: the platform has no process %v: %w", names, cmp.Or(err, ErrNoChild))
	}
	return found[0], nil
}

// ErrNoChild says that the platform has not started a process of that name.
var ErrNoChild = errors.New("no such process")

// SignalFamily signals a child, see Child, and what it has started in turn, the
// child first.
func (s *Server) SignalFamily(sig syscall.Signal, names ...string) error {
	pid, err := s.Child(names...)
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, sig); err != nil {
		return fmt.Errorf("signal %v: %w", names, err)
	}
	grandchildren, err := childrenOf(pid)
	if err != nil {
		return err
	}
	for _, g := range grandchildren {
		if err := syscall.Kill(g, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("signal %v: %w", names, err)
		}
	}
	return nil
}

// childrenOf returns the processes with a parent, those of the names if there are any.
func childrenOf(parent int, names ...string) ([]int, error) {
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, dir := range processes {
		stat, err := os.ReadFile(dir + "/stat") // pid (name) state parent …
		if err != nil {
			continue // gone meanwhile
		}
		before, after, _ := strings.Cut(string(stat), ") ")
		_, name, _ := strings.Cut(before, " (")
		fields := strings.Fields(after)
		if len(fields) < 2 || fields[0] == "Z" || fields[1] != strconv.Itoa(parent) || len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			return nil, err
		}
		found = append(found, pid)
	}
	return found, nil
}

// Whole reports why the platform is not whole: it is not ready, or goes on
// without one of its dependencies.
func (s *Server) Whole(ctx context.Context) error {
	text, err := Fetch(ctx, s.probe+"/readyz")
	if err == nil && string(text) != "ok\n" {
		err = fmt.Errorf("/readyz: %s", text)
	}
	return err
}

// Ended waits until the platform has ended by itself, and reports whether it has
// within the time.
func (s *Server) Ended(within time.Duration) bool {
	s.mu.Lock()
	p := s.process
	s.mu.Unlock()
	if p == nil {
		return true
	}
	limit := time.NewTimer(within)
	defer limit.Stop()
	select {
	case <-p.done:
		return true
	case <-limit.C:
		return false
	}
}
