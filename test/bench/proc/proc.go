package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ticks per second of the times in /proc: USER_HZ, 100 on every Linux Go runs on.
const ticks = 100

// process is a line of /proc/<pid>/stat.
type process struct {
	pid, parent int
	name        string
	// own and ended are processor seconds: its own, and those of children that
	// ended and were waited for.
	own, ended float64
}

// Usage is what the processes of a name use together.
type Usage struct {
	// CPU seconds since they started, with children that ended.
	CPU float64
	// RSS and PSS in bytes. Memory that processes share counts in each RSS, and
	// in PSS by its share.
	RSS, PSS int64
	// Processes of the name.
	Processes int
}

// Tree returns the usage of a process and everything below it, by name. What
// ended between the look at a process and at its memory is left out.
func Tree(root int) (map[string]Usage, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	inside := map[int]bool{root: true}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if inside[p.parent] && !inside[p.pid] {
				inside[p.pid], grown = true, true
			}
		}
	}
	usage := map[string]Usage{}
	for _, p := range all {
		if !inside[p.pid] {
			continue
		}
		u := usage[p.name]
		u.CPU += p.own + p.ended
		u.Processes++
		rss, pss, err := memory(p.pid)
		if err != nil {
			return nil, err
		}
		u.RSS, u.PSS = u.RSS+rss, u.PSS+pss
		usage[p.name] = u
	}
	if len(usage) == 0 {
		return nil, fmt.Errorf("process %d is not there", root)
	}
	return usage, nil
}

// Find returns the process whose arguments contain all of those given.
func Find(arguments ...string) (int, error) {
	entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, fmt.Errorf("list processes: %w", err)
	}
	lowest := 0
	for _, path := range entries {
		line, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		args, found := bytes.Split(line, []byte{0}), 0
		for _, want := range arguments {
			for _, a := range args {
				if string(a) == want {
					found++
					break
				}
			}
		}
		pid, err := strconv.Atoi(strings.Split(path, "/")[2])
		if err == nil && found == len(arguments) && (lowest == 0 || pid < lowest) {
			lowest = pid
		}
	}
	if lowest == 0 {
		return 0, fmt.Errorf("no process has the arguments %q", arguments)
	}
	return lowest, nil
}

func processes() ([]process, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var all []process
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		p, err := parseStat(string(line))
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// parseStat reads a line as proc(5) describes it. The name may hold spaces and parentheses.
func parseStat(line string) (process, error) {
	from, to := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if from < 0 || to < from {
		return process{}, fmt.Errorf("%q is no process", line)
	}
	fields := strings.Fields(line[to+1:])
	const parent, utime, stime, cutime, cstime = 1, 11, 12, 13, 14 // counted after the name
	if len(fields) <= cstime {
		return process{}, fmt.Errorf("%q is no process", line)
	}
	var errs []error
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		errs = append(errs, err)
		return n
	}
	p := process{pid: number(strings.TrimSpace(line[:from])), parent: number(fields[parent]), name: line[from+1 : to]}
	p.own = float64(number(fields[utime])+number(fields[stime])) / ticks
	p.ended = float64(number(fields[cutime])+number(fields[cstime])) / ticks
	return p, errors.Join(errs...)
}

// memory returns 0 for a process that has ended, and for one that may not be looked at.
func memory(pid int) (rss, pss int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) { // it ended, is a zombie, or belongs to somebody else
			return 0, 0, nil
		}
		return 0, 0, fmt.Errorf("read memory: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[2] != "kB" {
			continue
		}
		kB, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("read memory: %w", err)
		}
		switch fields[0] {
		case "Rss:":
			rss = kB << 10
		case "Pss:":
			pss = kB << 10
		}
	}
	return rss, pss, nil
}

// Self returns the usage of this process alone.
func Self() (Usage, error) {
	pid := os.Getpid()
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Usage{}, fmt.Errorf("read own usage: %w", err)
	}
	p, err := parseStat(string(line))
	if err != nil {
		return Usage{}, err
	}
	rss, pss, err := memory(pid)
	return Usage{CPU: p.own, RSS: rss, PSS: pss, Processes: 1}, err
}
