package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"douyin.dev/test/bench/growth"
	"douyin.dev/test/bench/result"
	"douyin.dev/test/bench/stage"
	"douyin.dev/test/harness"
)

// growthCommand measures costs at growing sizes.
type growthCommand struct {
	Mode      string        `help:"Mode to measure." default:"standalone" enum:"standalone,mesh"`
	Videos    []int64       `help:"Numbers of videos." default:"1000,100000,1000000"`
	Followers []int64       `help:"Numbers of followers of one author." default:"100,10000,1000000"`
	Comments  []int64       `help:"Numbers of comments on one video." default:"100,1000,10000"`
	Likes     []int64       `help:"Numbers of likes of one video." default:"1000,100000,1000000"`
	Crowd     int64         `help:"Followers of the author of the fan-out." default:"100000"`
	Events    int64         `help:"Events that are put into an outbox at once." default:"100000"`
	Duration  time.Duration `help:"Measured time of a request at a size." default:"3s"`
	Short     bool          `help:"Small sizes: says whether everything works."`
	Redis     string        `help:"Redis of the platform." enum:"process,inprocess" default:"process"`
	Out       string        `help:"Result to add to; made when missing." default:"results.json" type:"path"`
	Bin       string        `help:"Directory of the binaries; bin/ when empty." type:"path"`
}

// Run measures and adds the result to the file.
func (c *growthCommand) Run(ctx context.Context) error {
	if c.Short {
		c.Videos, c.Followers, c.Comments, c.Likes = []int64{1000, 10000}, []int64{100, 1000}, []int64{100, 1000}, []int64{100, 10000}
		c.Crowd, c.Events, c.Duration = 1000, 5000, time.Second
	}
	dir, err := os.MkdirTemp("", "douyin-growth-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	found := &result.Growth{Mode: c.Mode}
	// The author of the fan-out is pushed where the threshold is above the crowd, and pulled with the default.
	err = c.with(ctx, dir, []string{fmt.Sprintf("--fanout-push-threshold=%d", 10*c.Crowd)}, func(lab *growth.Lab) error {
		return c.pushed(ctx, lab, found)
	})
	if err == nil {
		err = c.with(ctx, dir, []string{fmt.Sprintf("--fanout-push-threshold=%d", c.Crowd/10)}, func(lab *growth.Lab) error {
			return c.pulled(ctx, lab, found)
		})
	}
	if err != nil {
		return err
	}
	file, err := fileAt(ctx, c.Out)
	if err != nil {
		return err
	}
	file.Growth = found
	return errors.Join(result.WriteGrowth(os.Stdout, found), file.Write(c.Out))
}

// with starts the platform, lets fn work, and stops it. The data stay.
func (c *growthCommand) with(ctx context.Context, dir string, args []string, fn func(*growth.Lab) error) (err error) {
	platform, err := stage.Start(ctx, stage.Options{Mode: harness.Mode(c.Mode), Dir: filepath.Clean(dir), Bin: c.Bin, Redis: c.Redis, Args: args})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, platform.Close()) }()
	lab, err := growth.NewLab(ctx, platform, c.Duration, say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.Close(context.WithoutCancel(ctx))) }()
	return fn(lab)
}

func (c *growthCommand) pushed(ctx context.Context, lab *growth.Lab, found *result.Growth) (err error) {
	sizes := growth.Sizes{Videos: c.Videos, Followers: c.Followers, Comments: c.Comments, Likes: c.Likes}
	if found.Series, err = lab.Series(ctx, sizes); err != nil {
		return err
	}
	if found.Events, err = lab.Events(ctx, c.Events); err != nil {
		return err
	}
	say("%d events: relayed in %.1f s, counted in %.1f s", c.Events, found.Events.Relayed, found.Events.Counted)
	return c.fanout(ctx, lab, found, step{"pushed", true})
}

func (c *growthCommand) pulled(ctx context.Context, lab *growth.Lab, found *result.Growth) error {
	return c.fanout(ctx, lab, found, step{"pulled for the first time", true}, step{"pulled", false})
}

// step is one publication.
type step struct {
	how     string
	changes bool // timelines change
}

func (c *growthCommand) fanout(ctx context.Context, lab *growth.Lab, found *result.Growth, steps ...step) error {
	process := c.Mode
	if harness.Mode(c.Mode) == harness.Mesh {
		process = "fanout"
	}
	crowd, err := lab.Gather(ctx, c.Crowd)
	if err != nil {
		return fmt.Errorf("gather followers: %w", err)
	}
	for _, s := range steps {
		f, err := crowd.Publish(ctx, s.how, process, s.changes)
		if err != nil {
			return fmt.Errorf("%s: %w", s.how, err)
		}
		say("%d followers, %s: visible after %.2f s, done after %.2f s, %d timelines", f.Followers, f.How, f.Visible, f.Done, f.Timelines)
		found.Fanout = append(found.Fanout, *f)
	}
	return nil
}
