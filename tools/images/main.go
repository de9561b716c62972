// Command images packs the platform's binaries as container images, without a
// container engine and without a registry:
//
//	images build                 # all of the platform's
//	images build --dev           # Postgres, Redis and the embedded broker and store
//	images build gateway video   # these
//	images sizes                 # a table of what is in dist/images
//	images notices bin/gateway   # the licences of all that a binary is linked with
//
// Each image becomes an archive that any node loads (docker load, ctr images
// import, kind load image-archive), with a list of what is in it beside it.
// Two builds of one tree give the same bytes.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	var cli struct {
		Build buildCommand `cmd:"" help:"Build images as archives."`
		Sizes sizesCommand `cmd:"" help:"Print the sizes of built images, or write them into a page."`

		Notices noticesCommand `cmd:"" help:"Print the licences of everything a binary is linked with."`
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	k := kong.Parse(&cli, kong.Name("images"), kong.Description("Container images of the platform."), kong.BindTo(ctx, (*context.Context)(nil)))
	if err := k.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}
