package main

import (
	"bufio"
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"douyin.dev/test/bench/load"
	"douyin.dev/test/bench/proc"
	"douyin.dev/test/bench/result"
	"douyin.dev/test/bench/stage"
)

// generator names this process among the others.
const generator = "bench"

// meter adds up what the processes use while load is measured, and what the
// platform does from start to stop.
type meter struct {
	platform *stage.Platform
	// requests were measured; all were answered from start to stop, a warm-up included.
	requests, all int64

	from, spent map[string]proc.Usage
	before, did stage.Counters
	errs        []error
}

// start and stop are around a load, begin and end around the measured part of it.
func (m *meter) start(ctx context.Context) { m.before = m.counters(ctx) }

func (m *meter) stop(ctx context.Context, r *load.Result) {
	m.requests, m.all = m.requests+r.Requests, m.all+r.Answered
	m.did = m.did.Plus(m.counters(ctx).Minus(m.before))
}

func (m *meter) counters(ctx context.Context) stage.Counters {
	c, err := m.platform.Counters(ctx)
	m.errs = append(m.errs, err)
	return c
}

// costs tells what a request needed. What the platform does by itself
// meanwhile is in it: nothing to speak of at more than a thousand requests a second.
func (m *meter) costs() result.Costs {
	c := m.did.Times(1 / float64(max(m.all, 1)))
	return result.Costs{Calls: c.Calls, Queries: c.Queries, Allocations: c.Allocations, AllocatedKB: c.AllocatedBytes / 1000}
}

func (m *meter) begin() { m.from = m.look() }

func (m *meter) end() {
	now := m.look()
	if m.spent == nil {
		m.spent = map[string]proc.Usage{}
	}
	for name, u := range now {
		u.CPU = u.CPU - m.from[name].CPU + m.spent[name].CPU
		m.spent[name] = u
	}
}

func (m *meter) look() map[string]proc.Usage {
	usage, err := proc.Tree(m.platform.PID)
	self, selfErr := proc.Self()
	m.errs = append(m.errs, err, selfErr)
	if usage == nil {
		usage = map[string]proc.Usage{}
	}
	usage[generator] = self
	return usage
}

// processes tells what was used, by name.
func (m *meter) processes() ([]result.Process, error) {
	return table(m.spent, max(m.requests, 1)), errors.Join(m.errs...)
}

func table(usage map[string]proc.Usage, requests int64) []result.Process {
	const mib = 1 << 20
	var all []result.Process
	for _, name := range slices.Sorted(maps.Keys(usage)) {
		u := usage[name]
		p := result.Process{Name: name, RSS: float64(u.RSS) / mib, PSS: float64(u.PSS) / mib}
		if requests > 0 {
			p.CPU = u.CPU / float64(requests) * 1000
		}
		all = append(all, p)
	}
	return all
}

func (b *bench) memory() ([]result.Process, error) {
	m := &meter{platform: b.platform}
	return table(m.look(), 0), errors.Join(m.errs...)
}

// machine describes where this runs, as far as /proc tells.
func machine() result.Machine {
	m := result.Machine{Processors: runtime.NumCPU(), Go: runtime.Version(), Processor: field("/proc/cpuinfo", "model name")}
	kB, _, _ := strings.Cut(field("/proc/meminfo", "MemTotal"), " ")
	if n, err := strconv.ParseFloat(kB, 64); err == nil {
		m.MemoryGiB = n / (1 << 20)
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(text))
	}
	m.LoadBefore = loadAverage()
	return m
}

// loadAverage is that of the last minute, 0 when it is not known.
func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	minute, _, _ := strings.Cut(string(text), " ")
	load, err := strconv.ParseFloat(minute, 64)
	if err != nil {
		return 0
	}
	return load
}

const (
	// calmWait is how long the load average may take to forget what ended before,
	// the build of the binaries as a rule.
	calmWait = 3 * time.Minute
	calmLook = 5 * time.Second
)

// calm waits until the machine does nothing else. Where it goes on, the result says so.
func calm(ctx context.Context) {
	for end := time.Now().Add(calmWait); loadAverage() > result.Busy && time.Now().Before(end) && ctx.Err() == nil; {
		say("waiting for a calm machine, load %.1f", loadAverage())
		select {
		case <-ctx.Done():
		case <-time.After(calmLook):
		}
	}
}

// field is the value of the first line "key : value" of a file, or "".
func field(path, key string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, found := strings.Cut(lines.Text(), ":")
		if found && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// commit names the source, with a mark where it was changed since; "unknown" outside of git.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
