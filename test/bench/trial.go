package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"douyin.dev/test/bench/limits"
	"douyin.dev/test/bench/load"
	"douyin.dev/test/bench/result"
	"douyin.dev/test/bench/scenario"
)

// trial is a scenario being measured.
type trial struct {
	scenario.Scenario
	row          *result.Row
	usage        *meter
	closed, open []*load.Result // a result for each slice
}

// rows measures scenarios. What has a limit is measured in several passes over
// all: a machine's slow minute meets a few slices of every scenario and not
// all slices of one. The rest, which publishes videos that the others would
// show, comes afterwards.
func (b *bench) rows(ctx context.Context, chosen []scenario.Scenario) ([]result.Row, error) {
	trials := make([]*trial, len(chosen))
	for i, s := range chosen {
		trials[i] = b.trial(s)
	}
	for pass := range b.Passes {
		say("pass %d of %d", pass+1, b.Passes)
		for _, t := range trials {
			if t.Limit == scenario.None {
				continue
			}
			if err := b.pass(ctx, t); err != nil {
				return nil, fmt.Errorf("scenario %s: %w", t.Name, err)
			}
		}
	}
	var rows []result.Row
	for _, t := range trials {
		if err := b.finish(ctx, t); err != nil {
			return nil, fmt.Errorf("scenario %s: %w", t.Name, err)
		}
		rows = append(rows, *t.row)
		say("%-15s %8.0f/s  ratio %.3f  p99 %.1f ms  %s", t.Name, t.row.PerSecond, t.row.Ratio, t.row.Closed[0].Latency.P99, first(t.row.Failures))
	}
	return rows, nil
}

func (b *bench) trial(s scenario.Scenario) *trial {
	row := &result.Row{Scenario: s.Name, Does: s.Does, Limit: string(s.Limit), Target: s.Target.Of(b.platform.Mode), Connections: base}
	if s.Connections > 0 {
		row.Connections = s.Connections
	}
	return &trial{Scenario: s, row: row, usage: &meter{platform: b.platform}}
}

// pass measures the closed loop between limits and the processes meanwhile,
// and then the open loop at half of what the closed one reached.
func (b *bench) pass(ctx context.Context, t *trial) error {
	before, err := b.limit(ctx, t.Limit)
	if err != nil {
		return err
	}
	var rates []float64
	for range b.Rounds {
		t.usage.start(ctx)
		r, err := b.load(ctx, t.Scenario, t.row, load.Options{
			Connections: t.row.Connections, Warmup: b.Warmup, Duration: b.Duration, Begin: t.usage.begin, End: t.usage.end,
		})
		if err != nil {
			return err
		}
		t.usage.stop(ctx, r)
		after, err := b.limit(ctx, t.Limit)
		if err != nil {
			return err
		}
		t.row.Slices = append(t.row.Slices, result.Slice{PerSecond: r.PerSecond, Before: before, After: after, P99: r.Latency.P99})
		before, t.closed, rates = after, append(t.closed, r), append(rates, r.PerSecond)
	}
	half := result.Median(rates) / 2
	if half == 0 {
		return nil // nothing was answered: the row says so
	}
	r, err := b.load(ctx, t.Scenario, t.row, load.Options{Connections: t.row.Connections, Rate: half, Warmup: b.Warmup / 2, Duration: b.Duration})
	if err != nil {
		return err
	}
	t.open = append(t.open, r)
	return nil
}

// finish measures what is measured once, and fills in the row.
func (b *bench) finish(ctx context.Context, t *trial) (err error) {
	if t.Limit == scenario.None {
		if err := b.pass(ctx, t); err != nil {
			return err
		}
	}
	t.row.Medians()
	t.row.Costs = t.usage.costs()
	if t.row.Processes, err = t.usage.processes(); err != nil {
		return err
	}
	t.row.Closed = append(t.row.Closed, *typical(t.closed))
	if len(t.open) > 0 {
		t.row.Open = typical(t.open)
	}
	for _, n := range b.Connections {
		if n == t.row.Connections || (t.Connections > 0 && n > t.Connections) {
			continue
		}
		r, err := b.load(ctx, t.Scenario, t.row, load.Options{Connections: n, Warmup: b.Warmup / 2, Duration: b.Duration})
		if err != nil {
			return err
		}
		t.row.Closed = append(t.row.Closed, *r)
	}
	if b.Profiles != "" {
		if err := b.profile(ctx, t.Scenario, t.row); err != nil {
			return err
		}
	}
	if t.Verify != nil {
		if err := t.Verify(ctx, b.world, b.platform.Client()); err != nil {
			t.row.Failures = append(t.row.Failures, "after the load: "+err.Error())
		}
	}
	return nil
}

// typical is the result whose p99 is the median.
func typical(all []*load.Result) *load.Result {
	slices.SortFunc(all, func(a, b *load.Result) int { return cmp.Compare(a.Latency.P99, b.Latency.P99) })
	return all[len(all)/2]
}

// limit measures a limit shortly.
func (b *bench) limit(ctx context.Context, l scenario.Limit) (float64, error) {
	warmup, duration := b.Warmup/4, max(b.Duration/2, 500*time.Millisecond)
	switch l {
	case scenario.S:
		return limits.HTTP(ctx, b.server, limits.PathS, base, warmup, duration)
	case scenario.H:
		return limits.HTTP(ctx, b.server, limits.PathH, base, warmup, duration)
	case scenario.W:
		return b.writer.Measure(ctx, base, warmup, duration)
	default:
		return 0, nil
	}
}

func first(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return "FAILED: " + texts[0]
}
