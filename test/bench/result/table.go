package result

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteTable prints what a mode did, for people.
func WriteTable(out io.Writer, m *Mode) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\n%s, Redis: %s, ready in %.1f s first, %.1f s later\n\n", m.Name, m.Redis, m.ReadyFirst, m.ReadyAgain)
	fmt.Fprintln(w, "scenario\tconn\treq/s\tlimit\tratio\ttarget\tp50\tp90\tp99\tp99.9\tmax ms\topen p99\tCPU s/1000\tcalls\tqueries\tallocs\tkB\terrors\t")
	for _, r := range m.Rows {
		for i, c := range r.Closed {
			rate, limit, ratio, target, open, cpu := c.PerSecond, "", "", "", "", "\t\t\t\t"
			if i == 0 {
				rate = r.PerSecond
				limit, ratio, target = r.limit(), r.ratio(), r.target()
				cpu = fmt.Sprintf("%.3f\t%.1f\t%.2f\t%.0f\t%.0f", r.PlatformCPU(), r.Costs.Calls, r.Costs.Queries, r.Costs.Allocations, r.Costs.AllocatedKB)
				if r.Open != nil {
					open = fmt.Sprintf("%.1f", r.Open.Latency.P99)
				}
			}
			l := c.Latency
			fmt.Fprintf(w, "%s\t%d\t%.0f\t%s\t%s\t%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%s\t%s\t%d\t\n",
				r.Scenario, c.Connections, rate, limit, ratio, target, l.P50, l.P90, l.P99, l.P999, l.Max, open, cpu, c.Errors+c.Wrong)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	return writeRest(out, m)
}

func writeRest(out io.Writer, m *Mode) error {
	var b strings.Builder
	if m.Lag != nil {
		fmt.Fprintf(&b, "\ncounts visible under %.0f likes/s: p50 %.0f ms, p99 %.0f ms, max %.0f ms (%d likes)\n",
			m.Lag.LoadPerSecond, m.Lag.Latency.P50, m.Lag.Latency.P99, m.Lag.Latency.Max, m.Lag.Likes)
	}
	if l := m.Logins; l != nil {
		fmt.Fprintf(&b, "64 clients logging in (%.0f/s): feed %.0f/s instead of %.0f/s, %.0f %% slower; p99 at half load %.1f ms instead of %.1f ms\n",
			l.PerSecond, l.Beside, l.Alone, 100*l.Slower, l.P99Beside, l.P99Alone)
	}
	fmt.Fprintln(&b, "memory at the end, MiB (RSS, PSS):")
	for _, p := range m.Memory {
		fmt.Fprintf(&b, "  %-14s %7.0f %7.0f\n", p.Name, p.RSS, p.PSS)
	}
	for _, f := range m.Failures {
		fmt.Fprintf(&b, "FAILED %s\n", f)
	}
	for _, r := range m.Rows {
		for _, f := range r.Failures {
			fmt.Fprintf(&b, "FAILED %s: %s\n", r.Scenario, f)
		}
	}
	_, err := io.WriteString(out, b.String())
	if err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	return nil
}

func (r *Row) limit() string {
	if r.Limit == "" {
		return ""
	}
	return fmt.Sprintf("%s %.0f", r.Limit, r.LimitPerSecond)
}

func (r *Row) ratio() string {
	if r.Limit == "" {
		return ""
	}
	return fmt.Sprintf("%.3f", r.Ratio)
}

func (r *Row) target() string {
	if r.Target == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", r.Target)
}

// PlatformCPU is seconds for 1,000 requests of all processes but the generator.
func (r *Row) PlatformCPU() float64 {
	sum := 0.0
	for _, p := range r.Processes {
		if p.Name != "bench" {
			sum += p.CPU
		}
	}
	return sum
}
