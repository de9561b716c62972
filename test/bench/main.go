package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"douyin.dev/test/bench/limits"
	"douyin.dev/test/bench/result"
)

type commands struct {
	Run     runCommand     `cmd:"" default:"withargs" help:"Measure scenarios beside the machine's limits."`
	Growth  growthCommand  `cmd:"" help:"Measure what requests cost as the data grow."`
	Soak    soakCommand    `cmd:"" help:"Watch memory over an hour's worth of requests."`
	Compare compareCommand `cmd:"" help:"Compare two results; fails when ratios differ by more than 15 %."`
	Chart   chartCommand   `cmd:"" help:"Draw a result."`
	Report  reportCommand  `cmd:"" help:"Put a result into the page of the documentation."`
	Limits  limitsCommand  `cmd:"" hidden:""`
}

func main() {
	var c commands
	parsed := kong.Parse(&c, kong.Name("bench"), kong.UsageOnError(),
		kong.Description("Measures the platform from outside, beside what the machine can do at best."))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.FatalIfErrorf(parsed.Run())
}

// limitsCommand serves the limits S and H for another process of this binary.
type limitsCommand struct {
	Bytes int `arg:""`
}

func (c *limitsCommand) Run(ctx context.Context) error {
	return limits.Serve(ctx, c.Bytes, os.Stdin, os.Stdout)
}

type compareCommand struct {
	Before string `arg:"" type:"existingfile" help:"JSON of a run."`
	After  string `arg:"" type:"existingfile" help:"JSON of a later run."`
}

func (c *compareCommand) Run() error {
	before, err := result.Read(c.Before)
	if err != nil {
		return err
	}
	after, err := result.Read(c.After)
	if err != nil {
		return err
	}
	differences := result.Compare(before, after)
	if err := result.WriteDifferences(os.Stdout, differences); err != nil {
		return err
	}
	if n := result.Flagged(differences); n > 0 {
		return fmt.Errorf("%d ratios differ by more than %.0f %%", n, 100*result.Tolerance)
	}
	return nil
}
