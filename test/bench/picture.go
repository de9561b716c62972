package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"douyin.dev/test/bench/chart"
	"douyin.dev/test/bench/result"
)

type chartCommand struct {
	Result string `arg:"" type:"existingfile" help:"JSON of a run."`
	Dir    string `help:"Directory for the pictures." default:"docs/img" type:"path"`
	Flames string `help:"Directory a run kept its profiles in: their flame graphs are copied beside the charts." type:"path"`
}

// Run draws what the result has.
func (c *chartCommand) Run(context.Context) error {
	f, err := result.Read(c.Result)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	for i := range f.Modes {
		if err := c.mode(&f.Modes[i]); err != nil {
			return err
		}
	}
	if err := c.flames(); err != nil || f.Growth == nil {
		return err
	}
	return c.growth(f.Growth)
}

// flames copies the flame graphs of a run.
func (c *chartCommand) flames() error {
	if c.Flames == "" {
		return nil
	}
	paths, err := filepath.Glob(filepath.Join(c.Flames, "bench-flame-*.svg"))
	if err != nil {
		return fmt.Errorf("look for flame graphs: %w", err)
	}
	for _, path := range paths {
		picture, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("copy flame graph: %w", err)
		}
		if err := os.WriteFile(filepath.Join(c.Dir, filepath.Base(path)), picture, 0o644); err != nil {
			return fmt.Errorf("copy flame graph: %w", err)
		}
	}
	return nil
}

// growth draws a picture for each thing that grows.
func (c *chartCommand) growth(g *result.Growth) error {
	for _, grows := range g.Grows() {
		var lines []chart.Line
		for _, s := range g.Series {
			if s.Grows != grows {
				continue
			}
			line := chart.Line{Name: s.Request}
			for _, p := range s.Points {
				line.Points = append(line.Points, chart.Point{X: float64(p.Size), Y: p.CPU / s.Points[0].CPU})
			}
			lines = append(lines, line)
		}
		err := c.draw(result.GrowthPicture(grows), func(out io.Writer) error {
			return chart.Lines(out, "Processor time per request by "+grows+", relative to the smallest number", result.Bound, lines)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *chartCommand) mode(m *result.Mode) error {
	var ratios, latencies []chart.Bar
	for _, r := range m.Rows {
		if r.Limit != "" {
			ratios = append(ratios, chart.Bar{Name: r.Scenario + " / " + r.Limit, Value: r.Ratio, Target: r.Target})
		}
		latencies = append(latencies, chart.Bar{Name: r.Scenario, Value: r.Closed[0].Latency.P99})
	}
	err := c.draw(result.RatioPicture(m), func(out io.Writer) error {
		return chart.Bars(out, m.Name+": answers per second as a share of the limit, with the target", "%.2f", ratios)
	})
	if err != nil {
		return err
	}
	return c.draw(result.LatencyPicture(m), func(out io.Writer) error {
		return chart.Bars(out, fmt.Sprintf("%s: p99 in milliseconds, closed loop at %d connections", m.Name, base), "%.1f ms", latencies)
	})
}

func (c *chartCommand) draw(name string, draw func(io.Writer) error) error {
	f, err := os.Create(filepath.Join(c.Dir, name))
	if err != nil {
		return fmt.Errorf("draw %s: %w", name, err)
	}
	err = draw(f)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

type reportCommand struct {
	Result   string `arg:"" type:"existingfile" help:"JSON of a run."`
	Page     string `help:"Page whose generated part is replaced." default:"docs/bench/README.md" type:"path"`
	Pictures string `help:"Folder of the charts, relative to the page; empty for none." default:"../img"`
}

// Run brings the page up to date.
func (c *reportCommand) Run(context.Context) error {
	f, err := result.Read(c.Result)
	if err != nil {
		return err
	}
	return result.UpdatePage(c.Page, f, c.Pictures)
}
