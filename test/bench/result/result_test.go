package result_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/test/bench/chart"
	"douyin.dev/test/bench/load"
	"douyin.dev/test/bench/result"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestRatiosAreMediansBetweenLimits(t *testing.T) {
	t.Parallel()
	row := result.Row{Slices: []result.Slice{
		{PerSecond: 100, Before: 150, After: 250}, // 0.5
		{PerSecond: 10, Before: 200, After: 200},  // a disturbed slice
		{PerSecond: 120, Before: 200, After: 200}, // 0.6
	}}
	row.Medians()
	if row.Ratio != 0.5 || row.PerSecond != 100 || row.LimitPerSecond != 200 {
		t.Errorf("%+v", row)
	}
	none := result.Row{Slices: []result.Slice{{PerSecond: 5}}}
	none.Medians()
	if none.Ratio != 0 || none.PerSecond != 5 {
		t.Errorf("without a limit: %+v", none)
	}
	if got := result.Median([]float64{1, 4, 2, 3}); got != 2.5 {
		t.Errorf("median of four is %f", got)
	}
}

// file is a small result with everything in it.
func file() *result.File {
	latency := load.Latency{Mean: 1, P50: 1, P90: 2, P99: 3, P999: 4, Max: 5}
	return &result.File{
		Commit: "abc", Started: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Seconds: 600, Command: []string{"--short", "--bin", "/somewhere/bin"},
		Machine: result.Machine{Processor: "A processor", Processors: 2, MemoryGiB: 24, Kernel: "6.1", Go: "go1.26", Postgres: "15.1", LoadBefore: 0.1},
		Modes: []result.Mode{{
			Name: "standalone", Redis: "process", ReadyFirst: 3, ReadyAgain: 1,
			Rows: []result.Row{
				{
					Scenario: "feed", Limit: "S", Target: 0.75, Connections: 64, PerSecond: 30000, LimitPerSecond: 40000, Ratio: 0.75,
					Closed:    []load.Result{{Connections: 64, PerSecond: 31000, Latency: latency}, {Connections: 1, PerSecond: 5000, Latency: latency}},
					Open:      &load.Result{Rate: 15000, Latency: latency},
					Shares:    []chart.Share{{Kind: "JSON", Part: 0.6}, {Kind: "HTTP", Part: 0.4}},
					Costs:     result.Costs{Calls: 3, Queries: 0.01, Allocations: 120, AllocatedKB: 30},
					Processes: []result.Process{{Name: "bench", CPU: 0.02}, {Name: "standalone", CPU: 0.04}},
				},
				{Scenario: "login", Connections: 64, PerSecond: 80, Closed: []load.Result{{Connections: 64, PerSecond: 80, Latency: latency}}},
			},
			Lag:    &result.Lag{LoadPerSecond: 6500, Likes: 300, Latency: latency},
			Logins: &result.Logins{Alone: 30000, Beside: 27000, Slower: 0.1, PerSecond: 40, P99Alone: 5, P99Beside: 8},
			Memory: []result.Process{{Name: "bench", RSS: 30, PSS: 29}, {Name: "standalone", RSS: 200, PSS: 190}},
		}},
		Growth: &result.Growth{
			Mode: "standalone",
			Series: []result.Series{{Request: "feed", Grows: "videos", Points: []result.Point{
				{Size: 1000, CPU: 0.05, Queries: 0.01, Calls: 3}, {Size: 1000000, CPU: 0.06, Queries: 0.01, Calls: 3},
			}}},
			Fanout: []result.Fanout{{Followers: 100000, How: "pushed", Visible: 0.5, Done: 4, Timelines: 100000, CPU: 3, Before: 120, Peak: 140}},
			Events: &result.Events{Events: 100000, Relayed: 4, Counted: 5},
		},
		Soaks: []result.Soak{*soak(100, 250, 240, 200, 220, 230)},
	}
}

// soak is a result with these MiB of a Go process, a million requests apart.
func soak(memory ...float64) *result.Soak {
	s := &result.Soak{Mode: "standalone", Redis: "process", Seconds: 300, Requests: int64(len(memory)-1) * 1_000_000}
	for i, m := range memory {
		s.Looks = append(s.Looks, result.Look{Requests: int64(i) * 1_000_000, Processes: []result.Process{
			{Name: "postgres", PSS: 80 * float64(i+1)}, {Name: "standalone", PSS: m},
		}})
	}
	return s
}

func TestMemoryIsComparedWithThatOfTheSecondQuarter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what   string
		memory []float64
		want   float64
	}{
		{"filled at first, then flat", []float64{50, 100, 200, 200, 200, 180, 200, 190, 200}, 1},
		{"still growing", []float64{50, 100, 200, 210, 220, 230, 300, 320, 330}, 1.5},
	} {
		if got := soak(c.memory...).Growth(); got != c.want {
			t.Errorf("%s: %.2f, want %.2f", c.what, got, c.want)
		}
	}
}

func TestResultComesBackFromItsFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.json")
	if err := file().Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := result.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(file(), got); diff != "" {
		t.Error(diff)
	}
}

func TestPageIsGolden(t *testing.T) {
	t.Parallel()
	golden(t, "page.md", result.Page(file(), "img"))
}

func TestTableIsGolden(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := result.WriteTable(&b, &file().Modes[0]); err != nil {
		t.Fatal(err)
	}
	if err := result.WriteGrowth(&b, file().Growth); err != nil {
		t.Fatal(err)
	}
	if err := result.WriteSoak(&b, &file().Soaks[0]); err != nil {
		t.Fatal(err)
	}
	golden(t, "table.txt", b.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (rewrite with -update):\n%s", name, diff)
	}
}

func TestOnlyTheGeneratedPartOfAPageChanges(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "page.md")
	const begin, end = "<!-- generated from a result: go run ./test/bench report -->", "<!-- end of what is generated -->"
	if err := os.WriteFile(path, []byte("# Head\n"+begin+"\nold\n"+end+"\nfoot\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := result.UpdatePage(path, file(), ""); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "# Head\n" + begin + "\n\n" + result.Page(file(), "") + "\n" + end + "\nfoot\n"
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(path, []byte("no place"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := result.UpdatePage(path, file(), ""); err == nil {
		t.Error("a page without a place was changed")
	}
}

func TestCompareFlagsRatiosThatDiffer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		after float64
		flags int
	}{{0.75, 0}, {0.75 * 1.14, 0}, {0.75 * 0.86, 0}, {0.75 * 1.16, 1}, {0.75 * 0.84, 1}, {0, 1}} {
		later := file()
		later.Modes[0].Rows[0].Ratio = c.after
		later.Modes[0].Rows[1].PerSecond *= 10 // without a limit nothing is promised
		differences := result.Compare(file(), later)
		if len(differences) != 2 || result.Flagged(differences) != c.flags {
			t.Errorf("ratio %.3f: %+v", c.after, differences)
		}
	}
	other := file()
	other.Modes[0].Redis = "inprocess"
	if differences := result.Compare(file(), other); len(differences) != 0 {
		t.Errorf("compared with another Redis: %+v", differences)
	}
	var b strings.Builder
	later := file()
	later.Modes[0].Rows[0].Ratio = 0.3
	if err := result.WriteDifferences(&b, result.Compare(file(), later)); err != nil {
		t.Fatal(err)
	}
	golden(t, "compare.txt", b.String())
}

func TestGrowthIsTheLargestOverTheSmallest(t *testing.T) {
	t.Parallel()
	s := result.Series{Points: []result.Point{{CPU: 1, Queries: 0.4, Calls: 0.5}, {CPU: 1.5, Queries: 0.4, Calls: 1.5}, {CPU: 1.2, Queries: 0.4, Calls: 0.5}}}
	if cpu, calls := s.Growth(); cpu != 1.5 || calls != 2 {
		t.Errorf("grew %.2f and %.2f", cpu, calls)
	}
}
