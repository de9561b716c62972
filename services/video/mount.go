package video

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"go.opentelemetry.io/otel"

	"douyin.dev/gen/douyin/relation/v1/relationv1connect"
	"douyin.dev/gen/douyin/video/v1/videov1connect"
	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/sandbox"
	"douyin.dev/services/video/ladder"
	"douyin.dev/services/video/mp4"
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
	dir, err := workDir(c.WorkDir, "video")
	if err != nil {
		return err
	}
	for _, topic := range Topics() {
		rt.EnsureTopics(bus.TopicSpec{Name: topic})
	}
	redis, err := rt.Redis(ctx)
	if err != nil {
		return err
	}
	limits := DefaultLimits()
	limits.MaxBytes, limits.Uploads = c.MaxBytes, c.MaxUploads
	svc, err := New(Deps{
		DB: db, Objects: objects, IDs: ids, Now: rt.Clock(), Wake: rt.Outbox(db).Wake, Log: rt.Log,
		WorkDir: dir, Limits: limits, Redis: redis, Meters: otel.GetMeterProvider(),
		Relations: app.NewClient(rt, "relation", relationv1connect.NewRelationServiceClient),
		Cover:     CoverOptions{FFmpeg: c.ffmpeg(ctx, rt), Timeout: c.CoverTimeout, AtOnce: 2},
	})
	if err != nil {
		return err
	}
	if err := sandbox.HideProcess(); err != nil {
		rt.Log.WarnContext(ctx, "ffmpeg may read this process where Landlock is missing", "error", err)
	}
	rt.Go("sandbox", func(ctx context.Context) error { svc.covers.check(ctx); return nil })
	rt.OnDrain(svc.Drain)
	rt.Go("cache", svc.Run)
	rt.Go("status watchers", svc.Watch)
	rt.Go("events", func(ctx context.Context) error { return rt.Bus().Consume(ctx, svc.Subscription()) })
	rt.Go("janitor", func(ctx context.Context) error { return svc.Janitor(ctx, c.JanitorEvery) })
	return app.HandleService[videov1connect.VideoServiceHandler](rt, videov1connect.NewVideoServiceHandler, svc)
}

// Transcoder is the worker that makes renditions, as a part of a process. Several
// share the queue.
type Transcoder struct {
	WorkDir string `help:"Directory for videos that are transcoded; empty for one in the system's temporary directory." default:""`
	FFmpeg  string `name:"ffmpeg" help:"Path of ffmpeg; empty for the one on PATH. Without one, videos play as they were uploaded." default:""`
	FFprobe string `name:"ffprobe" help:"Path of ffprobe; empty for the one on PATH." default:""`
	AtOnce  int    `help:"Videos transcoded at the same time. One uses all cores." default:"1"`
	Nice    int    `help:"How much ffmpeg yields the processor to others, 0 to 19." default:"10"`
}

// Schema implements app.Owner.
func (*Transcoder) Schema() fs.FS { return migrations }

// owningComponent is the one whose tables these are.
const owningComponent = "video"

// SchemaName implements app.Sharer.
func (*Transcoder) SchemaName() string { return owningComponent }

// Mount implements app.Component.
func (c *Transcoder) Mount(ctx context.Context, rt *app.Runtime) error {
	db, err := rt.PostgresOf(ctx, owningComponent, migrations)
	if err != nil {
		return err
	}
	objects, err := rt.Blob(ctx)
	if err != nil {
		return err
	}
	dir, err := workDir(c.WorkDir, "transcode")
	if err != nil {
		return err
	}
	if err := sandbox.HideProcess(); err != nil {
		rt.Log.WarnContext(ctx, "ffmpeg may read this process where Landlock is missing", "error", err)
	}
	rt.Go("worker", func(ctx context.Context) error {
		worker, err := NewWorker(WorkerDeps{
			DB: db, Objects: objects, Encoder: c.encoder(ctx, rt.Log), Scratch: dir, AtOnce: c.AtOnce, Log: rt.Log,
			Meters: otel.GetMeterProvider(),
		})
		if err != nil {
			return err
		}
		return worker.Run(ctx)
	})
	return nil
}

// encoder finds the programs and tries them, or says once that there are none.
func (c *Transcoder) encoder(ctx context.Context, log *slog.Logger) Encoder {
	e := &ladder.Encoder{Sandbox: sandbox.New(log), Log: log, Timeout: wallClock(mp4.MaxDuration), Nice: c.Nice}
	var err error
	if e.FFmpeg, err = program(c.FFmpeg, "ffmpeg"); err == nil {
		e.FFprobe, err = program(c.FFprobe, "ffprobe")
	}
	for _, path := range []string{e.FFmpeg, e.FFprobe} {
		if err == nil {
			err = e.Sandbox.Check(ctx, path, "-version")
		}
	}
	if err != nil {
		log.WarnContext(ctx, "videos play as they were uploaded: ffmpeg and ffprobe cannot be used", "error", err)
		return nil
	}
	return e
}

// workDir returns a directory, made where it is missing.
func workDir(dir, name string) (string, error) {
	if dir == "" {
		// A directory of another user's would be of no use.
		dir = filepath.Join(os.TempDir(), fmt.Sprintf("douyin-%s-%d", name, os.Getuid()))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("work directory: %w", err)
	}
	return dir, nil
}

// program finds the program that is configured, or that of a name.
func program(configured, name string) (string, error) {
	if configured != "" {
		name = configured
	}
	return exec.LookPath(name)
}

// ffmpeg finds the program, or says once that there is none.
func (c *Component) ffmpeg(ctx context.Context, rt *app.Runtime) string {
	path, err := program(c.FFmpeg, "ffmpeg")
	if err != nil {
		rt.Log.WarnContext(ctx, "no ffmpeg found, covers are drawn instead of taken from the video", "error", err)
		return ""
	}
	return path
}
