package hostile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"douyin.dev/test/bench/proc"
	"douyin.dev/test/harness"
)

// Holding is what the platform holds at a moment.
type Holding struct {
	// Resident is the memory of its process, and Tree that of its process and
	// those it started, in bytes.
	Resident, Tree int64
	// Live is what its process has in use after a garbage collection, heap and
	// stacks, in bytes. Resident is more: garbage that is not collected yet, what the
	// runtime gives back to the system by and by, and the program's own pages.
	Live int64
	// Spool is the size of the files it has open that have no name, in bytes.
	Spool       int64
	Goroutines  int
	Descriptors int
}

// String is for logs.
func (h Holding) String() string {
	const mib = 1 << 20
	return fmt.Sprintf("%d MiB (%d MiB live, %d MiB with children), %d goroutines, %d descriptors, %d MiB of spool",
		h.Resident/mib, h.Live/mib, h.Tree/mib, h.Goroutines, h.Descriptors, h.Spool/mib)
}

// Memory is what the process would have resident if its runtime gave back at once
// what it does not need: as much as at base, and what lives in addition.
func (h Holding) Memory(base Holding) int64 { return base.Resident + h.Live - base.Live }

// Excess names what h holds more of than factor times base.
func (h Holding) Excess(factor float64, base Holding) error {
	for _, part := range []struct {
		name      string
		now, then int64
	}{
		{"bytes of memory", h.Memory(base), base.Resident},
		{"goroutines", int64(h.Goroutines), int64(base.Goroutines)},
		{"descriptors", int64(h.Descriptors), int64(base.Descriptors)},
	} {
		if most := int64(factor * float64(part.then)); part.now > most {
			return fmt.Errorf("%d %s, want at most %.1f times %d", part.now, part.name, factor, part.then)
		}
	}
	return nil
}

// Hold reads what a standalone holds.
func Hold(ctx context.Context, server *harness.Server) (Holding, error) {
	var h Holding
	var err error
	if h.Resident, err = resident(server.PID()); err != nil { // first: Usage collects garbage
		return Holding{}, err
	}
	usage, err := server.Usage(ctx)
	if err != nil {
		return Holding{}, err
	}
	h.Live = usage.HeapBytes + usage.StackBytes
	h.Goroutines, h.Descriptors = usage.Goroutines, usage.Descriptors
	if h.Spool, err = spooled(server.PID()); err != nil {
		return Holding{}, err
	}
	tree, err := proc.Tree(server.PID())
	if err != nil {
		return Holding{}, err
	}
	for _, u := range tree {
		h.Tree += u.PSS
	}
	return h, nil
}

// Watch looks at a standalone's memory and spool until ctx ends; most then
// returns the most that it saw of each.
func Watch(ctx context.Context, server *harness.Server) (most func() Holding) {
	var seen Holding
	watched := make(chan struct{})
	go func() { // ends with ctx
		defer close(watched)
		const every = 100 * time.Millisecond
		for ; ctx.Err() == nil; pause(ctx, every) {
			if now, err := resident(server.PID()); err == nil {
				seen.Resident = max(seen.Resident, now)
			}
			if now, err := spooled(server.PID()); err == nil {
				seen.Spool = max(seen.Spool, now)
			}
		}
	}()
	return func() Holding {
		<-watched
		return seen
	}
}

// resident is the resident memory of a process, in bytes.
func resident(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	_, rest, _ := strings.Cut(string(text), " ") // after the size
	pages, _, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseInt(pages, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	return n * int64(os.Getpagesize()), nil
}

// spooled is the size of the files that a process has open and that have no name
// any more, in bytes: uploads wait in such files.
func spooled(pid int) (int64, error) {
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return 0, fmt.Errorf("read spool: %w", err)
	}
	var total int64
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || !strings.HasSuffix(target, " (deleted)") {
			continue // closed meanwhile, or it has a name
		}
		if file, err := os.Stat(link); err == nil && file.Mode().IsRegular() {
			total += file.Size()
		}
	}
	return total, nil
}
