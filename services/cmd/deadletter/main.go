// Command deadletter lists the messages no consumer could handle, and
// publishes them again once the reason is gone.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"douyin.dev/services/platform/bus"
)

func main() {
	var command bus.DeadLetterCommand
	cli := kong.Parse(&command, kong.Name("deadletter"), kong.Description("Look after dead letters."), kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	security, err := command.Security("", log)
	cli.FatalIfErrorf(err)
	b, err := bus.Connect(ctx, bus.Config{Brokers: command.Brokers, ClientID: "deadletter", Log: log, Security: security})
	cli.FatalIfErrorf(err)
	cli.FatalIfErrorf(b.CheckAccess(ctx))
	err = cli.Run(&bus.Shell{Context: ctx, Bus: b, Out: os.Stdout, Now: time.Now})
	_ = b.Close() // nothing is pending
	cli.FatalIfErrorf(err)
}
