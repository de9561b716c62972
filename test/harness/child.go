package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, fmt.Errorf("find child: %w", err)
	}
	for _, dir := range processes {
		stat, err := os.ReadFile(dir + "/stat") // pid (name) state parent …
		if err != nil {
			continue // gone meanwhile
		}
		before, after, _ := strings.Cut(string(stat), ") ")
		_, name, _ := strings.Cut(before, " (")
		fields := strings.Fields(after)
		if len(fields) < 2 || fields[0] == "Z" || fields[1] != strconv.Itoa(s.process.cmd.Process.Pid) || !slices.Contains(names, name) {
			continue
		}
		return strconv.Atoi(filepath.Base(dir))
	}
	return 0, fmt.Errorf("find child: the platform has no process %v", names)
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
