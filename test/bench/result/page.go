package result

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Marks around the part of the page that is generated.
const (
	beginMark = "<!-- generated from a result: go run ./test/bench report -->"
	endMark   = "<!-- end of what is generated -->"
)

// UpdatePage replaces the generated part of a page with what a file says.
// pictures is the folder of the charts, relative to the page; "" for none.
func UpdatePage(path string, f *File, pictures string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read page: %w", err)
	}
	before, rest, begun := bytes.Cut(page, []byte(beginMark))
	_, after, ended := bytes.Cut(rest, []byte(endMark))
	if !begun || !ended {
		return errors.New("the page has no place for results: " + beginMark + " … " + endMark)
	}
	var out bytes.Buffer
	out.Write(before)
	out.WriteString(beginMark + "\n\n" + Page(f, pictures) + "\n" + endMark)
	out.Write(after)
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// Busy is a load average above which something else was running.
const Busy = 1.0

// Page is a file as Markdown.
func Page(f *File, pictures string) string {
	var b strings.Builder
	m := f.Machine
	fmt.Fprintf(&b, "Commit `%s`, %s, %.0f minutes. %s, %d processors, %.0f GiB, Linux %s, %s, Postgres %s. Load average before the run: %.1f.\n",
		f.Commit, f.Started.Format("2 January 2006"), f.Seconds/60, m.Processor, m.Processors, m.MemoryGiB, m.Kernel, m.Go, m.Postgres, m.LoadBefore)
	fmt.Fprintf(&b, "`bench %s`\n", strings.Join(withoutPaths(f.Command), " "))
	if m.LoadBefore > Busy {
		b.WriteString("\n**The machine was busy with other work: rates, ratios and latencies of this run say nothing about the platform; only the costs do.**\n")
	}
	if f.Failed() {
		b.WriteString("\n**Some answers of this run were refused or wrong: see the errors.**\n")
	}
	for i := range f.Modes {
		writeMode(&b, &f.Modes[i], pictures)
	}
	if f.Growth != nil {
		writeGrowthPage(&b, f.Growth, pictures)
	}
	if len(f.Soaks) > 0 {
		b.WriteString("\n### Memory over many requests\n")
	}
	for i := range f.Soaks {
		writeSoak(&b, &f.Soaks[i])
	}
	return b.String()
}

// withoutPaths leaves out where somebody keeps files: flags whose value begins with a slash.
func withoutPaths(command []string) []string {
	var kept []string
	for _, argument := range command {
		if strings.HasPrefix(argument, "/") && len(kept) > 0 {
			kept = kept[:len(kept)-1]
			continue
		}
		kept = append(kept, argument)
	}
	return kept
}

func writeMode(b *strings.Builder, m *Mode, pictures string) {
	fmt.Fprintf(b, "\n### %s, Redis: %s\n\n", m.Name, m.Redis)
	if pictures != "" {
		fmt.Fprintf(b, "![Ratios to the limits, %s](%s/%s)\n\n", m.Name, pictures, RatioPicture(m))
		fmt.Fprintf(b, "![Latencies, %s](%s/%s)\n\n", m.Name, pictures, LatencyPicture(m))
	}
	b.WriteString("| scenario | connections | per second | limit | ratio | target | p50 | p90 | p99 | p99.9 | max | open loop p99 | CPU s per 1,000 | calls | queries | allocations | kB | errors |\n")
	b.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range m.Rows {
		open := ""
		if r.Open != nil {
			open = fmt.Sprintf("%.1f", r.Open.Latency.P99)
		}
		for i, c := range r.Closed {
			l := c.Latency
			times := fmt.Sprintf("%.1f | %.1f | %.1f | %.1f | %.1f", l.P50, l.P90, l.P99, l.P999, l.Max)
			if i > 0 {
				fmt.Fprintf(b, "| | %d | %.0f | | | | %s | | | | | | | %d |\n", c.Connections, c.PerSecond, times, c.Errors+c.Wrong)
				continue
			}
			fmt.Fprintf(b, "| **%s** | %d | **%.0f** | %s | %s | %s | %s | %s | %.3f | %.1f | %.2f | %.0f | %.0f | %d |\n", r.Scenario, c.Connections, r.PerSecond,
				r.limit(), r.ratio(), r.target(), times, open, r.PlatformCPU(), r.Costs.Calls, r.Costs.Queries, r.Costs.Allocations, r.Costs.AllocatedKB, c.Errors+c.Wrong)
		}
	}
	b.WriteString("\nLatencies in milliseconds. Calls between services, queries to Postgres, allocations and allocated kB are for one request. ")
	fmt.Fprintf(b, "Ready %.1f s after the first start, %.1f s after a later one.\n", m.ReadyFirst, m.ReadyAgain)
	if m.Lag != nil {
		fmt.Fprintf(b, "\nUnder %.0f likes a second a like shows in its video's count after %.0f ms (p50), %.0f ms (p99), %.0f ms (max of %d).\n",
			m.Lag.LoadPerSecond, m.Lag.Latency.P50, m.Lag.Latency.P99, m.Lag.Latency.Max, m.Lag.Likes)
	}
	if l := m.Logins; l != nil {
		fmt.Fprintf(b, "\nWith 64 clients logging in (%.0f logins a second) the feed answers %.0f a second instead of %.0f: %.0f %% slower. "+
			"At half the load its p99 is %.1f ms instead of %.1f ms.\n", l.PerSecond, l.Beside, l.Alone, 100*l.Slower, l.P99Beside, l.P99Alone)
	}
	b.WriteString("\nProcessor seconds per 1,000 requests, by process:\n\n")
	writeProcesses(b, m)
	writeShares(b, m, pictures)
}

// largest shares of a scenario are told; the rest is in its flame graph.
const largest = 6

func writeShares(b *strings.Builder, m *Mode, pictures string) {
	begun := false
	for _, r := range m.Rows {
		if len(r.Shares) == 0 {
			continue
		}
		if !begun {
			b.WriteString("\nWhat the processor time of the Go processes goes to, from profiles:\n\n| scenario | most of it |\n|---|---|\n")
			begun = true
		}
		var parts []string
		for _, s := range r.Shares[:min(len(r.Shares), largest)] {
			parts = append(parts, fmt.Sprintf("%s %.0f %%", s.Kind, 100*s.Part))
		}
		name := r.Scenario
		if pictures != "" {
			name = fmt.Sprintf("[%s](%s/bench-flame-%s-%s.svg)", r.Scenario, pictures, m.Name, r.Scenario)
		}
		fmt.Fprintf(b, "| %s | %s |\n", name, strings.Join(parts, ", "))
	}
}

func writeProcesses(b *strings.Builder, m *Mode) {
	b.WriteString("|")
	for _, p := range m.Memory {
		fmt.Fprintf(b, " | %s", p.Name)
	}
	b.WriteString(" |\n|---" + strings.Repeat("|--:", len(m.Memory)) + "|\n")
	for _, r := range m.Rows {
		fmt.Fprintf(b, "| %s", r.Scenario)
		for _, p := range m.Memory {
			fmt.Fprintf(b, " | %s", cpuOf(&r, p.Name))
		}
		b.WriteString(" |\n")
	}
	b.WriteString("| memory at the end, MiB (PSS)")
	for _, p := range m.Memory {
		fmt.Fprintf(b, " | %.0f", p.PSS)
	}
	b.WriteString(" |\n")
}

func cpuOf(r *Row, process string) string {
	for _, p := range r.Processes {
		if p.Name == process {
			return fmt.Sprintf("%.3f", p.CPU)
		}
	}
	return ""
}

func writeGrowthPage(b *strings.Builder, g *Growth, pictures string) {
	fmt.Fprintf(b, "\n### Growth, %s\n\n", g.Mode)
	if pictures != "" {
		for _, grows := range g.Grows() {
			fmt.Fprintf(b, "![Processor time per request by %s](%s/%s)\n\n", grows, pictures, GrowthPicture(grows))
		}
	}
	b.WriteString("| request | grows | size | CPU ms | queries | calls | growth of CPU | of calls |\n|---|---|--:|--:|--:|--:|--:|--:|\n")
	for _, s := range g.Series {
		cpu, calls := s.Growth()
		for i, p := range s.Points {
			growth := " | "
			if i == len(s.Points)-1 {
				growth = fmt.Sprintf("%.2f | %.2f", cpu, calls)
			}
			fmt.Fprintf(b, "| %s | %s | %d | %.3f | %.2f | %.2f | %s |\n", s.Request, s.Grows, p.Size, p.CPU, p.Queries, p.Calls, growth)
		}
	}
	fmt.Fprintf(b, "\nCosts may grow by %.1f at most.\n", Bound)
	b.WriteString("\n| one publication to | the video is | in a feed after | done after | timelines changed | CPU s | memory MiB | at most |\n|--:|---|--:|--:|--:|--:|--:|--:|\n")
	for _, f := range g.Fanout {
		fmt.Fprintf(b, "| %d followers | %s | %.2f s | %.2f s | %d | %.2f | %.0f | %.0f |\n", f.Followers, f.How, f.Visible, f.Done, f.Timelines, f.CPU, f.Before, f.Peak)
	}
	if e := g.Events; e != nil {
		fmt.Fprintf(b, "\n%d events at once: the relay puts %.0f a second into Kafka; %.0f a second are counted from end to end.\n",
			e.Events, e.RelayedPerSecond(), e.CountedPerSecond())
	}
}

// GrowthPicture is the file of the chart of what grows.
func GrowthPicture(grows string) string {
	return "bench-growth-" + strings.ReplaceAll(grows, " ", "-") + ".svg"
}

// RatioPicture is the file of a mode's chart of ratios.
func RatioPicture(m *Mode) string { return "bench-ratio-" + m.Name + "-" + m.Redis + ".svg" }

// LatencyPicture is the file of a mode's chart of latencies.
func LatencyPicture(m *Mode) string { return "bench-p99-" + m.Name + "-" + m.Redis + ".svg" }
