package result

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// Growth is what requests cost as the data grow.
type Growth struct {
	Mode   string   `json:"mode"`
	Series []Series `json:"series"`
	Fanout []Fanout `json:"fanout"`
	Events *Events  `json:"events,omitempty"`
}

// Grows lists what grows, in order.
func (g *Growth) Grows() []string {
	var all []string
	for _, s := range g.Series {
		if !slices.Contains(all, s.Grows) {
			all = append(all, s.Grows)
		}
	}
	return all
}

// Bound is how much a cost may grow from the smallest size to the largest.
const Bound = 1.3

// Series is the cost of one request at growing sizes.
type Series struct {
	// Request is what was asked, Grows what there was more of.
	Request string  `json:"request"`
	Grows   string  `json:"grows"`
	Points  []Point `json:"points"`
}

// Point is the cost at one size.
type Point struct {
	Size int64 `json:"size"`
	// Requests that were measured.
	Requests int64 `json:"requests"`
	// CPU is milliseconds of all the platform's processes for one request.
	CPU float64 `json:"cpu_ms"`
	// Queries to Postgres for one request.
	Queries float64 `json:"queries"`
	// Calls are those between services for one request.
	Calls float64 `json:"calls"`
	// PerSecond and P50, in milliseconds, are for orientation: other work on the machine changes them.
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_ms"`
}

// Growth is the largest cost over that of the smallest size.
// Calls counts calls between services and queries together.
func (s *Series) Growth() (cpu, calls float64) {
	if len(s.Points) == 0 {
		return 0, 0
	}
	first := s.Points[0]
	for _, p := range s.Points {
		if first.CPU > 0 {
			cpu = max(cpu, p.CPU/first.CPU)
		}
		// A tenth of a call is what the background does in between.
		calls = max(calls, (p.Queries+p.Calls+0.1)/(first.Queries+first.Calls+0.1))
	}
	return cpu, calls
}

// Fanout is one publication by an author with many followers.
type Fanout struct {
	Followers int64 `json:"followers"`
	// How the video reached them: pushed into timelines, pulled by readers for
	// the first time, which marks the author in each timeline, or pulled again.
	How string `json:"how"`
	// Visible is seconds from the acknowledgement until a follower's feed has
	// the video, Done until no timeline changes any more.
	Visible float64 `json:"visible_s"`
	Done    float64 `json:"done_s"`
	// Timelines that changed.
	Timelines int64 `json:"timelines"`
	// CPU seconds of all processes.
	CPU float64 `json:"cpu_s"`
	// Before and Peak are the memory of the process that fans out, in MiB.
	Before float64 `json:"memory_before_mib"`
	Peak   float64 `json:"memory_peak_mib"`
}

// Events is how fast events go from the outbox through Kafka to the counts.
type Events struct {
	Events int64 `json:"events"`
	// Relayed until the outbox is empty, Counted until the counts are right.
	Relayed float64 `json:"relayed_s"`
	Counted float64 `json:"counted_s"`
}

// RelayedPerSecond is the relay's throughput.
func (e *Events) RelayedPerSecond() float64 { return perSecond(e.Events, e.Relayed) }

// CountedPerSecond is the throughput from end to end.
func (e *Events) CountedPerSecond() float64 { return perSecond(e.Events, e.Counted) }

func perSecond(n int64, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(n) / seconds
}

// WriteGrowth prints what requests cost, for people.
func WriteGrowth(out io.Writer, g *Growth) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "request\tgrows\tsize\tCPU ms\tqueries\tcalls\tgrowth of CPU\tof calls\t")
	for _, s := range g.Series {
		cpu, calls := s.Growth()
		for i, p := range s.Points {
			growth := "\t"
			if i == len(s.Points)-1 {
				growth = fmt.Sprintf("%.2f\t%.2f", cpu, calls)
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%.3f\t%.2f\t%.2f\t%s\t\n", s.Request, s.Grows, p.Size, p.CPU, p.Queries, p.Calls, growth)
		}
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, "followers\tvideo is\tvisible s\tdone s\ttimelines\tCPU s\tmemory MiB\tpeak\t")
	for _, f := range g.Fanout {
		fmt.Fprintf(w, "%d\t%s\t%.2f\t%.2f\t%d\t%.2f\t%.0f\t%.0f\t\n", f.Followers, f.How, f.Visible, f.Done, f.Timelines, f.CPU, f.Before, f.Peak)
	}
	if e := g.Events; e != nil {
		fmt.Fprintf(w, "\n%d events: relayed %.0f/s, counted %.0f/s\n", e.Events, e.RelayedPerSecond(), e.CountedPerSecond())
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print growth: %w", err)
	}
	return nil
}
