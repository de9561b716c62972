package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"douyin.dev/test/bench/limits"
	"douyin.dev/test/bench/load"
	"douyin.dev/test/bench/result"
	"douyin.dev/test/bench/scenario"
	"douyin.dev/test/bench/stage"
	"douyin.dev/test/harness"
)

// base is the number of connections the targets are for.
const base = 64

// runCommand measures the scenarios in each mode.
type runCommand struct {
	Mode        []string      `help:"Modes to measure: standalone, mesh." default:"standalone,mesh" enum:"standalone,mesh"`
	Scenarios   []string      `help:"Scenarios to measure; all when empty."`
	Connections []int         `help:"Connections of the closed loops. The targets are for 64, which is always measured." default:"1,16,64,256"`
	Duration    time.Duration `help:"Measured time of one slice." default:"1s"`
	Warmup      time.Duration `help:"Time before a slice that is not measured." default:"500ms"`
	Passes      int           `help:"Times the list of scenarios is gone through at 64 connections: no slow minute of the machine meets one scenario only." default:"5"`
	Rounds      int           `help:"Slices of a scenario in each pass, each between two measurements of its limit; the median of all counts." default:"2"`
	Short       bool          `help:"Slices of a second, one pass, one round, 64 connections only: says whether everything works, not how fast."`
	Redis       string        `help:"Redis of the platform: a server process, or the one in process." enum:"process,inprocess" default:"process"`
	Sample      int           `help:"One in how many answers is judged whole." default:"200"`
	NoEvents    bool          `help:"Leave out how long events take and how logins slow others."`
	Out         string        `help:"File for the result as JSON." default:"results.json" type:"path"`
	Add         bool          `help:"Add to the result that is there instead of making a new one."`
	Profiles    string        `help:"Directory for a processor profile and flame graph of each scenario; empty for none." type:"path"`
	Bin         string        `help:"Directory of the binaries; bin/ when empty." type:"path"`
	DataDir     string        `help:"Directory for the data; a temporary one when empty, removed afterwards." type:"path"`
	Args        []string      `help:"Further arguments of the platform."`
}

// Validate is called by kong.
func (c *runCommand) Validate() error {
	if c.Passes < 1 || c.Rounds < 1 || c.Duration <= 0 || c.Warmup < 0 || c.Sample < 1 {
		return errors.New("passes, rounds, duration and sample must be positive")
	}
	_, err := scenario.Choose(c.Scenarios)
	return err
}

// Run measures and keeps the result. It fails when any answer was wrong.
func (c *runCommand) Run(ctx context.Context) error {
	if c.Short {
		c.Duration, c.Warmup, c.Passes, c.Rounds, c.Connections = time.Second, 500*time.Millisecond, 1, 1, []int{base}
	}
	file, err := c.file(ctx)
	if err != nil {
		return err
	}
	started := time.Now()
	before := file.Seconds
	for _, mode := range c.Mode {
		found, err := c.mode(ctx, harness.Mode(mode), file)
		if found != nil {
			file.Modes = append(file.Modes, *found)
			file.Seconds = before + time.Since(started).Seconds()
			err = errors.Join(err, result.WriteTable(os.Stdout, found), file.Write(c.Out))
		}
		if err != nil {
			return err
		}
	}
	fmt.Println("result in", c.Out)
	if file.Failed() {
		return errors.New("some answers were refused or wrong, see the table: these numbers are no speed")
	}
	return nil
}

// file is the result to write.
func (c *runCommand) file(ctx context.Context) (*result.File, error) {
	if c.Add {
		return result.Read(c.Out)
	}
	calm(ctx)
	return newFile(ctx), nil
}

// newFile is a result that says what is measured, where and how.
func newFile(ctx context.Context) *result.File {
	return &result.File{Commit: commit(ctx), Started: time.Now().UTC(), Machine: machine(), Command: os.Args[1:]}
}

// fileAt is the result at a path, or a new one.
func fileAt(ctx context.Context, path string) (*result.File, error) {
	file, err := result.Read(path)
	if errors.Is(err, os.ErrNotExist) {
		return newFile(ctx), nil
	}
	return file, err
}

// bench is one mode being measured.
type bench struct {
	*runCommand
	platform *stage.Platform
	world    *stage.World
	server   *limits.Server
	writer   *limits.Writer
}

func (c *runCommand) mode(ctx context.Context, mode harness.Mode, file *result.File) (*result.Mode, error) {
	dir, remove, err := c.dir(mode)
	if err != nil {
		return nil, err
	}
	defer remove()
	started := time.Now()
	platform, err := stage.Start(ctx, stage.Options{Mode: mode, Dir: dir, Bin: c.Bin, Redis: c.Redis, Args: c.Args})
	if err != nil {
		return nil, err
	}
	found := &result.Mode{Name: string(mode), Redis: c.Redis, ReadyFirst: time.Since(started).Seconds()}
	b := &bench{runCommand: c, platform: platform}
	err = b.measure(ctx, found, file)
	return found, errors.Join(err, b.close(ctx))
}

func (c *runCommand) dir(mode harness.Mode) (dir string, remove func(), err error) {
	if c.DataDir != "" {
		dir = filepath.Join(c.DataDir, string(mode))
		return dir, func() {}, os.MkdirAll(dir, 0o755)
	}
	dir, err = os.MkdirTemp("", "douyin-bench-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}

func (b *bench) close(ctx context.Context) error {
	var errs []error
	if b.server != nil {
		errs = append(errs, b.server.Close())
	}
	if b.writer != nil {
		errs = append(errs, b.writer.Close(context.WithoutCancel(ctx)))
	}
	return errors.Join(append(errs, b.platform.Close())...)
}

func (b *bench) measure(ctx context.Context, found *result.Mode, file *result.File) (err error) {
	say("%s is ready after %.1f s", found.Name, found.ReadyFirst)
	if b.world, err = stage.Seed(ctx, b.platform, func(line string) { say("%s", line) }); err != nil {
		return err
	}
	if err := b.openLimits(ctx, file); err != nil {
		return err
	}
	chosen, err := scenario.Choose(b.Scenarios)
	if err != nil {
		return err
	}
	if found.Rows, err = b.rows(ctx, chosen); err != nil {
		return err
	}
	if !b.NoEvents {
		if err := b.events(ctx, found); err != nil {
			found.Failures = append(found.Failures, err.Error())
		}
	}
	if found.Memory, err = b.memory(); err != nil {
		return err
	}
	return b.again(ctx, found)
}

// again measures a start on data that are there.
func (b *bench) again(ctx context.Context, found *result.Mode) error {
	if err := b.writer.Close(ctx); err != nil {
		return err
	}
	b.writer = nil
	if err := b.platform.Stop(); err != nil {
		return err
	}
	started := time.Now()
	err := b.platform.Restart(ctx)
	found.ReadyAgain = time.Since(started).Seconds()
	return err
}

// openLimits prepares the limits: S answers as many bytes as the real feed has.
func (b *bench) openLimits(ctx context.Context, file *result.File) error {
	feed, err := b.platform.Client().Get(ctx, "/douyin/feed/")
	if err != nil {
		return err
	}
	if b.server, err = limits.StartServer(ctx, "limits", strconv.Itoa(len(feed.Body))); err != nil {
		return err
	}
	if b.writer, err = limits.OpenWriter(ctx, b.platform.AdminDSN); err != nil {
		return err
	}
	file.Machine.Postgres, err = b.writer.Version(ctx)
	return err
}

// load runs a load of a scenario and waits until the platform rests again.
func (b *bench) load(ctx context.Context, s scenario.Scenario, row *result.Row, o load.Options) (*load.Result, error) {
	o.Dial, o.Sample = load.DialTCP(b.platform.Host), b.Sample
	o.Client = s.Open(b.world, b.platform.Host, o.Connections)
	r, err := load.Run(ctx, o)
	if err != nil {
		return nil, err
	}
	if r.Failed() {
		text := fmt.Sprintf("%d connections, rate %.0f: %d answers, %d errors, %d of %d samples wrong",
			r.Connections, r.Rate, r.Requests, r.Errors, r.Wrong, r.Sampled)
		row.Failures = append(row.Failures, append([]string{text}, r.Examples...)...)
	}
	if !s.Writes {
		return r, nil
	}
	drained, err := b.platform.Quiet(ctx)
	row.DrainSeconds = max(row.DrainSeconds, drained.Seconds())
	return r, err
}

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}
