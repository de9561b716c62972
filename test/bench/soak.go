package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"douyin.dev/test/bench/load"
	"douyin.dev/test/bench/result"
	"douyin.dev/test/bench/scenario"
	"douyin.dev/test/bench/stage"
	"douyin.dev/test/harness"
)

// soakCommand watches memory over many requests.
type soakCommand struct {
	Mode     []string      `help:"Modes to watch: standalone, mesh." default:"standalone,mesh" enum:"standalone,mesh"`
	Requests int64         `help:"How many requests; an hour's worth at 1,000 a second by default." default:"3600000"`
	Slice    time.Duration `help:"Time of each scenario in a round." default:"2s"`
	Redis    string        `help:"Redis of the platform." enum:"process,inprocess" default:"process"`
	Out      string        `help:"Result to add to; made when missing." default:"results.json" type:"path"`
	Bin      string        `help:"Directory of the binaries; bin/ when empty." type:"path"`
}

// soaked are the scenarios of a round. Logins and publishing are few among the
// requests of an hour, and take most of its time here.
var soaked = []string{
	"feed", "feed-logged-in", "feed-following", "user", "comment-list", "chat-poll",
	"favorite", "comment", "relation", "message", "playback",
}

// Run watches and adds the result to the file. It fails when any answer was
// wrong, or memory grew.
func (c *soakCommand) Run(ctx context.Context) error {
	file, err := fileAt(ctx, c.Out)
	if err != nil {
		return err
	}
	for _, mode := range c.Mode {
		found, err := c.mode(ctx, harness.Mode(mode))
		if err != nil {
			return fmt.Errorf("soak %s: %w", mode, err)
		}
		file.Soaks = append(file.Soaks, *found)
		if err := errors.Join(result.WriteSoak(os.Stdout, found), file.Write(c.Out)); err != nil {
			return err
		}
		switch growth := found.Growth(); {
		case growth == 0:
			return fmt.Errorf("%d requests are too few to say whether memory of %s grows", c.Requests, mode)
		case growth > result.Flat:
			return fmt.Errorf("memory of %s grew to %.2f of what it was", mode, growth)
		}
	}
	return nil
}

func (c *soakCommand) mode(ctx context.Context, mode harness.Mode) (found *result.Soak, err error) {
	dir, err := os.MkdirTemp("", "douyin-soak-")
	if err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	platform, err := stage.Start(ctx, stage.Options{Mode: mode, Dir: dir, Bin: c.Bin, Redis: c.Redis})
	if err != nil {
		return nil, err
	}
	b := &bench{runCommand: &runCommand{Sample: 200}, platform: platform}
	defer func() { err = errors.Join(err, b.close(ctx)) }()
	if b.world, err = stage.Seed(ctx, platform, func(line string) { say("%s", line) }); err != nil {
		return nil, err
	}
	chosen, err := scenario.Choose(soaked)
	if err != nil {
		return nil, err
	}
	found, started := &result.Soak{Mode: string(mode), Redis: c.Redis}, time.Now()
	for found.Requests < c.Requests {
		if err := b.look(found); err != nil {
			return nil, err
		}
		if err := c.round(ctx, b, chosen, found); err != nil {
			return nil, err
		}
	}
	found.Seconds = time.Since(started).Seconds()
	return found, b.look(found)
}

// round runs every scenario once.
func (c *soakCommand) round(ctx context.Context, b *bench, chosen []scenario.Scenario, found *result.Soak) error {
	for _, s := range chosen {
		row := &result.Row{}
		r, err := b.load(ctx, s, row, load.Options{Connections: base, Duration: c.Slice})
		if err != nil {
			return err
		}
		if len(row.Failures) > 0 {
			return fmt.Errorf("%s: %q", s.Name, row.Failures)
		}
		found.Requests += r.Answered
	}
	return nil
}

// look notes the memory of the moment.
func (b *bench) look(found *result.Soak) error {
	processes, err := b.memory()
	if err != nil {
		return err
	}
	found.Looks = append(found.Looks, result.Look{Requests: found.Requests, Processes: processes})
	say("%d requests, Go processes %.0f MiB", found.Requests, found.Looks[len(found.Looks)-1].Go())
	return nil
}
