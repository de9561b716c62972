package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/pprof/profile"
	"golang.org/x/sync/errgroup"

	"douyin.dev/test/bench/chart"
	"douyin.dev/test/bench/load"
	"douyin.dev/test/bench/result"
	"douyin.dev/test/bench/scenario"
)

// profileWarmup keeps the beginning out of a profile.
const profileWarmup = 500 * time.Millisecond

// profile takes a processor profile of every process while a scenario runs
// once more: what is measured for the table is never profiled. The profiles
// join under their processes' names, as a flame graph and a list.
func (b *bench) profile(ctx context.Context, s scenario.Scenario, row *result.Row) error {
	seconds := max(int(b.Duration.Seconds()), 1)
	group, loadCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		_, err := b.load(loadCtx, s, row, load.Options{Connections: row.Connections, Duration: time.Duration(seconds)*time.Second + 2*profileWarmup})
		return err
	})
	names := slices.Sorted(maps.Keys(b.platform.Private))
	stacks := make([][]chart.Stack, len(names))
	for i, name := range names {
		group.Go(func() error {
			select {
			case <-loadCtx.Done():
				return context.Cause(loadCtx)
			case <-time.After(profileWarmup):
			}
			p, err := fetchProfile(loadCtx, b.platform.Private[name], seconds)
			if err != nil {
				return err
			}
			stacks[i] = stacksOf(p, name, len(names) > 1)
			return b.keep(string(b.platform.Mode)+"-"+s.Name+"-"+name+".pb.gz", p.Write)
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	all := slices.Concat(stacks...)
	row.Shares = chart.Shares(all)
	title := fmt.Sprintf("%s, %s, %d connections: processor time by call", s.Name, b.platform.Mode, row.Connections)
	if err := b.keep("bench-flame-"+string(b.platform.Mode)+"-"+s.Name+".svg", func(out io.Writer) error { return chart.Flame(out, title, all) }); err != nil {
		return err
	}
	return b.keep("bench-top-"+string(b.platform.Mode)+"-"+s.Name+".txt", func(out io.Writer) error { return chart.Top(out, title, all, 40) })
}

func (b *bench) keep(name string, write func(io.Writer) error) error {
	if err := os.MkdirAll(b.Profiles, 0o755); err != nil {
		return fmt.Errorf("keep profile: %w", err)
	}
	f, err := os.Create(filepath.Join(b.Profiles, name))
	if err != nil {
		return fmt.Errorf("keep profile: %w", err)
	}
	err = write(f)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func fetchProfile(ctx context.Context, private string, seconds int) (*profile.Profile, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", private, seconds), nil)
	if err != nil {
		return nil, fmt.Errorf("fetch profile: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch profile: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch profile: HTTP %s", res.Status)
	}
	return profile.Parse(res.Body)
}

// stacksOf returns what a profile sampled, outermost call first, in seconds of processor time.
func stacksOf(p *profile.Profile, process string, named bool) []chart.Stack {
	stacks := make([]chart.Stack, 0, len(p.Sample))
	for _, sample := range p.Sample {
		var frames []string
		if named {
			frames = append(frames, process)
		}
		for i := len(sample.Location) - 1; i >= 0; i-- {
			lines := sample.Location[i].Line
			for j := len(lines) - 1; j >= 0; j-- {
				if lines[j].Function != nil {
					frames = append(frames, lines[j].Function.Name)
				}
			}
		}
		stacks = append(stacks, chart.Stack{Frames: frames, Seconds: float64(sample.Value[len(sample.Value)-1]) / 1e9})
	}
	return stacks
}
