package video

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"go.opentelemetry.io/otel"

	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/sandbox"

	videov1connect "douyin.dev/gen/douyin/video/v1/videov1connect"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Component is the service as a part of a process.
type Component struct {
	WorkDir      string        `help:"Directory for uploads under way; empty for one in the system's temporary directory." default:""`
	MaxBytes     int64         `help:"Largest file accepted, in bytes." default:"268435456"`
	MaxUploads   int           `help:"Uploads a process takes at the same time." default:"32"`
	FFmpeg       string        `name:"ffmpeg" help:"Path of ffmpeg, which makes covers; empty for the one on PATH. Without one, covers are drawn." default:""`
	CoverTimeout time.Duration `help:"How long ffmpeg may take for a cover." default:"15s"`
	JanitorEvery time.Duration `help:"Pause between sweeps for files without a video." default:"10m"`
}

// Schema implements app.Owner.
func (*Component) Schema() fs.FS { return migrations }

// Mount implements app.Component.
func (c *Component) Mount(ctx context.Context, rt *app.Runtime) error {
	db, err := rt.Postgres(ctx, migrations)
	if err != nil {
		return err
	}
	ids, err := rt.IDs(ctx, db)
	if err != nil {
		return err
	}
	objects, err := rt.Blob(ctx)
	if err != nil {
		return err
	}
	dir, err := c.workDir()
	if err != nil {
		return err
	}
	for _, topic := range Topics() {
		if err := rt.EnsureTopics(ctx, bus.TopicSpec{Name: topic}); err != nil {
			return err
		}
	}
	redis, err := rt.Redis(ctx)
	if err != nil {
		return err
	}
	limits := DefaultLimits()
	limits.MaxBytes, limits.Uploads = c.MaxBytes, c.MaxUploads
	svc, err := New(Deps{
		DB: db, Objects: objects, NextID: ids.Next, Now: rt.Clock(), Wake: rt.Outbox(db).Wake, Log: rt.Log,
		WorkDir: dir, Limits: limits, Redis: redis, Meters: otel.GetMeterProvider(),
		Cover: CoverOptions{FFmpeg: c.ffmpeg(ctx, rt), Timeout: c.CoverTimeout, AtOnce: 2},
	})
	if err != nil {
		return err
	}
	if err := sandbox.HideProcess(); err != nil {
		rt.Log.WarnContext(ctx, "ffmpeg may read this process where Landlock is missing", "error", err)
	}
	rt.Go("sandbox", func(ctx context.Context) error { svc.covers.check(ctx); return nil })
	rt.Go("cache", svc.Run)
	rt.Go("events", func(ctx context.Context) error { return rt.Bus().Consume(ctx, svc.Subscription()) })
	rt.Go("janitor", func(ctx context.Context) error { return svc.Janitor(ctx, c.JanitorEvery) })
	path, handler := videov1connect.NewVideoServiceHandler(svc, rt.HandlerOptions())
	rt.Handle(path, handler)
	return nil
}

func (c *Component) workDir() (string, error) {
	dir := c.WorkDir
	if dir == "" {
		// A directory of another user's would be of no use.
		dir = filepath.Join(os.TempDir(), fmt.Sprintf("douyin-video-%d", os.Getuid()))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("work directory: %w", err)
	}
	return dir, nil
}

// ffmpeg finds the program, or says once that there is none.
func (c *Component) ffmpeg(ctx context.Context, rt *app.Runtime) string {
	name := c.FFmpeg
	if name == "" {
		name = "ffmpeg"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		rt.Log.WarnContext(ctx, "no ffmpeg found, covers are drawn instead of taken from the video", "error", err)
		return ""
	}
	return path
}
