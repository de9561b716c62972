package counter

import (
	"context"
	"embed"
	"io/fs"

	"douyin.dev/gen/douyin/counter/v1/counterv1connect"
	"douyin.dev/services/platform/app"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() (fs.FS, error) { return fs.Sub(migrations, "migrations") }

// Component is the counter service as a part of a process.
type Component struct {
	Apply bool `help:"Whether this process applies events; reads are served either way." default:"true" negatable:""`
}

// Mount serves the counts and, unless switched off, applies events to them.
func (c *Component) Mount(ctx context.Context, rt *app.Runtime) error {
	tables, err := Migrations()
	if err != nil {
		return err
	}
	db, err := rt.Postgres(ctx, tables)
	if err != nil {
		return err
	}
	redis, err := rt.Redis(ctx)
	if err != nil {
		return err
	}
	counts, err := NewCounts(db, redis)
	if err != nil {
		return err
	}
	rt.Go("cache", counts.Run)
	if c.Apply {
		worker := NewWorker(db, counts, rt.Log)
		rt.Go("events", func(ctx context.Context) error {
			return rt.Bus().Consume(ctx, worker.Subscription())
		})
		rt.Go("forget", worker.Forget)
	}
	rt.Handle(counterv1connect.NewCounterServiceHandler(New(counts), rt.HandlerOptions()))
	return nil
}
