package harness

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Usage is what the platform's processes hold, added up. Servers it started
// (Postgres, Redis) do not count.
type Usage struct {
	// Goroutines are those that work or wait for something. Idle workers of the
	// embedded object store's HTTP library do not count: it keeps them for 10 to 20 s
	// after their last request, whatever that was.
	Goroutines  int
	Descriptors int
	// HeapBytes is what lives after a garbage collection, and StackBytes the
	// goroutines' stacks.
	HeapBytes, StackBytes int64
}

// String is for logs.
func (u Usage) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %.1f MiB of live heap", u.Goroutines, u.Descriptors, float64(u.HeapBytes)/(1<<20))
}

// PrivateURLs returns the base URLs of all private ports: one of a standalone,
// one per process of a mesh.
func (s *Server) PrivateURLs() ([]string, error) {
	if s.probe == "" {
		return nil, nil
	}
	urls := []string{s.probe}
	if s.log == "" {
		return urls, nil
	}
	text, err := s.Log()
	if err != nil {
		return nil, err
	}
	// A mesh says each start where its services are; the last one holds.
	last := map[string]string{}
	for _, found := range meshLine.FindAllStringSubmatch(string(text), -1) {
		last[found[1]] = found[2]
	}
	for _, url := range last {
		urls = append(urls, url)
	}
	return urls, nil
}

var meshLine = regexp.MustCompile(`(?m)^([a-z-]+) +http://\S+ +private (http://\S+)$`)

// Usage asks every process. It needs Linux, and a server of our own.
func (s *Server) Usage(ctx context.Context) (Usage, error) {
	if s.external {
		return Usage{}, ErrExternal
	}
	urls, err := s.PrivateURLs()
	if err != nil {
		return Usage{}, fmt.Errorf("usage: %w", err)
	}
	var u Usage
	for _, url := range urls {
		if err := u.add(ctx, url); err != nil {
			return Usage{}, fmt.Errorf("usage: %w", err)
		}
	}
	u.Descriptors, err = s.descriptors()
	if err != nil {
		return Usage{}, fmt.Errorf("usage: %w", err)
	}
	return u, nil
}

var (
	goroutineTotal = regexp.MustCompile(`^goroutine profile: total (\d+)`)
	heapAlloc      = regexp.MustCompile(`(?m)^# HeapAlloc = (\d+)$`)
	stackInUse     = regexp.MustCompile(`(?m)^# Stack = (\d+) /`)
	// idleWorkers begins the stack of workers that wait for a connection.
	idleWorkers = regexp.MustCompile(`(?m)^(\d+) @ .*\n#\t\S+\tgithub\.com/valyala/fasthttp\.\(\*workerPool\)\.workerFunc\+`)
)

// add reads the profiles of one process.
func (u *Usage) add(ctx context.Context, url string) error {
	heap, err := profileNumbers(ctx, url+"/debug/pprof/heap?gc=1&debug=1", heapAlloc, stackInUse)
	if err != nil {
		return err
	}
	goroutines, err := busyGoroutines(ctx, url+"/debug/pprof/goroutine?debug=1")
	if err != nil {
		return err
	}
	u.HeapBytes += heap[0]
	u.StackBytes += heap[1]
	u.Goroutines += goroutines
	return nil
}

func busyGoroutines(ctx context.Context, url string) (int, error) {
	profile, err := Fetch(ctx, url)
	if err != nil {
		return 0, err
	}
	total := goroutineTotal.FindSubmatch(profile)
	if total == nil {
		return 0, fmt.Errorf("%s does not say how many goroutines there are", url)
	}
	busy, _ := strconv.Atoi(string(total[1])) // digits
	for _, idle := range idleWorkers.FindAllSubmatch(profile, -1) {
		n, _ := strconv.Atoi(string(idle[1]))
		busy -= n
	}
	return busy, nil
}

func profileNumbers(ctx context.Context, url string, in ...*regexp.Regexp) ([]int64, error) {
	text, err := Fetch(ctx, url)
	if err != nil {
		return nil, err
	}
	numbers := make([]int64, len(in))
	for i, expression := range in {
		found := expression.FindSubmatch(text)
		if found == nil {
			return nil, fmt.Errorf("%s does not say %s", url, expression)
		}
		if numbers[i], err = strconv.ParseInt(string(found[1]), 10, 64); err != nil {
			return nil, fmt.Errorf("read %s: %w", url, err)
		}
	}
	return numbers, nil
}

// Fetch reads a page of a private port.
func Fetch(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", url, err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch %s: %s", url, res.Status)
	}
	return text, nil
}

// descriptors counts the open files of the platform's processes.
func (s *Server) descriptors() (int, error) {
	processes, err := s.processes()
	if err != nil {
		return 0, err
	}
	total := 0
	for dir := range processes {
		open, err := os.ReadDir(dir + "/fd")
		if err != nil {
			return 0, err
		}
		total += len(open)
	}
	return total, nil
}

// Process is the process of a mesh that runs a binary of this name.
func (s *Server) Process(name string) (pid int, err error) {
	processes, err := s.processes()
	if err != nil {
		return 0, err
	}
	for dir, binary := range processes {
		if binary == name {
			return strconv.Atoi(filepath.Base(dir))
		}
	}
	return 0, fmt.Errorf("the platform runs no %s", name)
}

// processes are the directories in /proc of the platform's processes and the
// names of their binaries: those of our process group whose binary lies beside
// the one we started.
func (s *Server) processes() (map[string]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return nil, fmt.Errorf("the platform is down")
	}
	group, ours := s.process.cmd.Process.Pid, filepath.Dir(s.binary)
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, dir := range all {
		binary, err := os.Readlink(dir + "/exe")
		binary = strings.TrimSuffix(binary, " (deleted)")
		if err != nil || filepath.Dir(binary) != ours || groupOf(dir) != group {
			continue // gone meanwhile, another user's, or not ours
		}
		found[dir] = filepath.Base(binary)
	}
	return found, nil
}

// groupOf is the process group of a process, the fifth field of its stat; 0 when it is gone.
func groupOf(dir string) int {
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 3 {
		return 0
	}
	group, err := strconv.Atoi(fields[2])
	if err != nil {
		return 0
	}
	return group
}
