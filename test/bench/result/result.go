package result

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"douyin.dev/test/bench/chart"
	"douyin.dev/test/bench/load"
)

// File is everything one run found.
type File struct {
	Commit  string    `json:"commit"`
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	Machine Machine   `json:"machine"`
	// Command is how it was started.
	Command []string `json:"command"`
	Modes   []Mode   `json:"modes"`
	Growth  *Growth  `json:"growth,omitempty"`
	Soaks   []Soak   `json:"soaks,omitempty"`
}

// Machine is where it ran.
type Machine struct {
	Processor  string  `json:"processor"`
	Processors int     `json:"processors"`
	MemoryGiB  float64 `json:"memory_gib"`
	Kernel     string  `json:"kernel"`
	Go         string  `json:"go"`
	Postgres   string  `json:"postgres"`
	// LoadBefore is the load average of a minute before the run: others' work shows here.
	LoadBefore float64 `json:"load_before"`
}

// Mode is one way to run the platform.
type Mode struct {
	Name  string `json:"name"`
	Redis string `json:"redis"`
	// ReadyFirst and ReadyAgain are seconds from a process's start until the platform was ready.
	ReadyFirst float64 `json:"ready_first_s"`
	ReadyAgain float64 `json:"ready_again_s,omitempty"`
	Rows       []Row   `json:"rows"`
	Lag        *Lag    `json:"lag,omitempty"`
	Logins     *Logins `json:"logins,omitempty"`
	// Failures are why Lag or Logins are missing.
	Failures []string `json:"failures,omitempty"`
	// Memory after the whole run, by process.
	Memory []Process `json:"memory"`
}

// Row is one scenario.
type Row struct {
	Scenario string  `json:"scenario"`
	Does     string  `json:"does"`
	Limit    string  `json:"limit,omitempty"`
	Target   float64 `json:"target,omitempty"`
	// Connections of what follows; see Closed for other numbers.
	Connections int `json:"connections"`
	// PerSecond, LimitPerSecond and Ratio are medians over Slices.
	PerSecond      float64 `json:"per_second"`
	LimitPerSecond float64 `json:"limit_per_second,omitempty"`
	Ratio          float64 `json:"ratio,omitempty"`
	Slices         []Slice `json:"slices"`
	// Closed has one result for each number of connections.
	Closed []load.Result `json:"closed"`
	// Open is the open loop at half of PerSecond.
	Open *load.Result `json:"open,omitempty"`
	// DrainSeconds is how long the outboxes took to empty after a slice, at most.
	DrainSeconds float64   `json:"drain_s,omitempty"`
	Processes    []Process `json:"processes"`
	Costs        Costs     `json:"costs"`
	// Shares of the Go processes' processor time by kind of work, where a profile was taken.
	Shares []chart.Share `json:"shares,omitempty"`
	// Failures are why the row must not be believed.
	Failures []string `json:"failures,omitempty"`
}

// Slice is one measurement between two of its limit.
type Slice struct {
	PerSecond float64 `json:"per_second"`
	Before    float64 `json:"limit_before,omitempty"`
	After     float64 `json:"limit_after,omitempty"`
	// P99 of the slice, in milliseconds.
	P99 float64 `json:"p99_ms"`
}

// Ratio is the share of the limit, 0 without one.
func (s Slice) Ratio() float64 {
	if s.Before+s.After == 0 {
		return 0
	}
	return s.PerSecond / ((s.Before + s.After) / 2)
}

// Costs are what one request needs. Other work on the machine does not change them.
type Costs struct {
	// Calls between services.
	Calls float64 `json:"calls"`
	// Queries to Postgres, shared ones counted by their share.
	Queries float64 `json:"queries"`
	// Allocations of all Go processes, and their kB.
	Allocations float64 `json:"allocations"`
	AllocatedKB float64 `json:"allocated_kb"`
}

// Process is what processes of a name used.
type Process struct {
	Name string `json:"name"`
	// CPU is seconds for 1,000 requests.
	CPU float64 `json:"cpu_s_per_1000,omitempty"`
	// RSS and PSS are in MiB; shared memory counts in PSS by its share.
	RSS float64 `json:"rss_mib"`
	PSS float64 `json:"pss_mib"`
}

// Lag is how long a like took to show in its video's count, under load.
type Lag struct {
	LoadPerSecond float64      `json:"load_per_second"`
	Likes         int64        `json:"likes"`
	Latency       load.Latency `json:"lag_ms"`
}

// Logins is how much logins slow others.
type Logins struct {
	// Alone and Beside are answers a second of the feed, without and with 64 clients logging in.
	Alone  float64 `json:"alone_per_second"`
	Beside float64 `json:"beside_per_second"`
	// Slower is the median of 1 - Beside/Alone.
	Slower float64 `json:"slower"`
	// PerSecond logins were made meanwhile.
	PerSecond float64 `json:"logins_per_second"`
	// P99Alone and P99Beside are of an open loop of the feed at half of Alone, in milliseconds.
	P99Alone  float64 `json:"p99_alone_ms"`
	P99Beside float64 `json:"p99_beside_ms"`
}

// Medians fills in what the slices say.
func (r *Row) Medians() {
	var rates, limits, ratios []float64
	for _, s := range r.Slices {
		rates = append(rates, s.PerSecond)
		limits = append(limits, (s.Before+s.After)/2)
		ratios = append(ratios, s.Ratio())
	}
	r.PerSecond, r.LimitPerSecond, r.Ratio = Median(rates), Median(limits), Median(ratios)
}

// Failed reports whether a row of any mode must not be believed.
func (f *File) Failed() bool {
	for _, m := range f.Modes {
		if len(m.Failures) > 0 {
			return true
		}
		for _, r := range m.Rows {
			if len(r.Failures) > 0 {
				return true
			}
		}
	}
	return false
}

// Median of values, 0 of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// Write keeps a file as JSON.
func (f *File) Write(path string) error {
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// Read returns a file that Write kept.
func Read(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	f := &File{}
	if err := json.Unmarshal(text, f); err != nil {
		return nil, fmt.Errorf("read result %s: %w", path, err)
	}
	return f, nil
}
