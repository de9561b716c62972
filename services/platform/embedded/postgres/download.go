package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"

	"douyin.dev/services/platform/embedded"
)

func downloadedBin(dir string) string { return filepath.Join(dir, "dist", "bin") }

// download fetches a Postgres into dir/dist. The library has no call that only
// unpacks, so a start is asked of it that cannot succeed (no such locale): what
// counts is that the binaries are there afterwards.
func download(ctx context.Context, dir string, log *slog.Logger) (installation, error) {
	log.InfoContext(ctx, "no Postgres found on this machine, downloading one")
	scratch, err := os.MkdirTemp(dir, "download-")
	if err != nil {
		return installation{}, fmt.Errorf("download Postgres: %w", err)
	}
	db := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		BinariesPath(filepath.Join(dir, "dist")).
		CachePath(filepath.Join(scratch, "cache")).
		RuntimePath(filepath.Join(scratch, "run")).
		DataPath(filepath.Join(scratch, "data")).
		Locale("none").
		Port(freePort(ctx)).
		Logger(io.Discard))
	done := make(chan error, 1)
	go func() {
		done <- errors.Join(db.Start(), os.RemoveAll(scratch))
	}()
	select {
	case err = <-done:
	case <-ctx.Done():
		// The library cannot be interrupted; its goroutine ends with the fetch.
		return installation{}, fmt.Errorf("download Postgres: %w", context.Cause(ctx))
	}
	if found := installed(ctx, []string{downloadedBin(dir)}); len(found) > 0 {
		return found[0], nil
	}
	return installation{}, fmt.Errorf("%w; the download failed too: %w", errNotInstalled, err)
}

// freePort satisfies the library, which insists on a port nobody uses.
func freePort(ctx context.Context) uint32 {
	free, err := embedded.FreePorts(ctx, 1)
	if err != nil {
		return 0
	}
	return uint32(free[0])
}
