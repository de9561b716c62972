// Command demo puts a few users and videos on a running platform that has none:
//
//	demo http://localhost:8080
//
// It waits for a platform that does not answer yet. A second run adds nothing.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"douyin.dev/services/standalone/demo"
)

func main() {
	var args struct {
		API     string        `arg:"" name:"url" help:"Base URL of the public API."`
		Timeout time.Duration `help:"How long to wait for the platform and for all of it." default:"5m"`
	}
	cli := kong.Parse(&args, kong.Name("demo"), kong.Description("Put a few users and videos on a fresh platform."), kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, args.Timeout)
	defer cancel()
	report := func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	cli.FatalIfErrorf(demo.Seed(ctx, http.DefaultClient, args.API, report))
}
