package result

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
)

// Tolerance is how much a ratio may differ between two runs of the same code.
const Tolerance = 0.15

// Difference is one scenario in two runs. A ratio is to the limit of its own
// run; where there is no limit it is answers per second, which only runs on
// the same quiet machine can share.
type Difference struct {
	Mode, Redis, Scenario string
	Before, After         float64
	// Change is After/Before - 1; infinite when there was nothing before.
	Change float64
	// Limited: the values are ratios to a limit.
	Limited bool
}

// Flagged reports whether the difference is more than the tolerance.
func (d Difference) Flagged() bool { return d.Limited && !(math.Abs(d.Change) <= Tolerance) }

// Compare returns the differences of all scenarios both runs have.
func Compare(before, after *File) []Difference {
	var all []Difference
	for _, b := range before.Modes {
		for _, a := range after.Modes {
			if a.Name == b.Name && a.Redis == b.Redis {
				all = append(all, compareModes(&b, &a)...)
			}
		}
	}
	return all
}

func compareModes(before, after *Mode) []Difference {
	var all []Difference
	for _, b := range before.Rows {
		for _, a := range after.Rows {
			if a.Scenario != b.Scenario {
				continue
			}
			d := Difference{Mode: before.Name, Redis: before.Redis, Scenario: b.Scenario, Before: b.Ratio, After: a.Ratio, Limited: b.Limit != ""}
			if !d.Limited {
				d.Before, d.After = b.PerSecond, a.PerSecond
			}
			d.Change = d.After/d.Before - 1
			all = append(all, d)
		}
	}
	return all
}

// Flagged counts the differences above the tolerance.
func Flagged(all []Difference) int {
	n := 0
	for _, d := range all {
		if d.Flagged() {
			n++
		}
	}
	return n
}

// WriteDifferences prints a table of them.
func WriteDifferences(out io.Writer, all []Difference) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "mode\tredis\tscenario\tbefore\tafter\tchange\t\t")
	for _, d := range all {
		mark, format := "", "%s\t%s\t%s\t%.3f\t%.3f\t%+.0f %%\t%s\t\n"
		if d.Flagged() {
			mark = "differs"
		}
		if !d.Limited {
			format, mark = "%s\t%s\t%s\t%.0f/s\t%.0f/s\t%+.0f %%\t%s\t\n", "no limit"
		}
		fmt.Fprintf(w, format, d.Mode, d.Redis, d.Scenario, d.Before, d.After, 100*d.Change, mark)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print differences: %w", err)
	}
	return nil
}
