package counter

import (
	"context"
	"embed"
	"io/fs"
	"time"

	"go.opentelemetry.io/otel"

	"douyin.dev/gen/douyin/counter/v1/counterv1connect"
	"douyin.dev/gen/douyin/interaction/v1/interactionv1connect"
	"douyin.dev/gen/douyin/relation/v1/relationv1connect"
	"douyin.dev/gen/douyin/video/v1/videov1connect"
	"douyin.dev/services/platform/app"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Component is the counter service as a part of a process.
type Component struct {
	Apply bool `help:"Whether this process applies events; reads are served either way." default:"true" negatable:""`

	ReconcileEvery time.Duration `help:"Pause between comparisons of all counts with the rows they count, where events are applied; 0 for none." default:"10m"`
	ReconcileRest  time.Duration `help:"Pause of such a comparison after 200 videos or users." default:"1s"`
}

// Schema implements app.Owner.
func (*Component) Schema() fs.FS { return migrations }

// Mount serves the counts and, unless switched off, applies events to them.
func (c *Component) Mount(ctx context.Context, rt *app.Runtime) error {
	db, err := rt.Postgres(ctx, migrations)
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
	if c.Apply && c.ReconcileEvery > 0 {
		reconciler, err := NewReconciler(ReconcilerDeps{
			DB: db, Counts: counts, Owners: owners(rt), Progress: rt.Bus(), Log: rt.Log, Meters: otel.GetMeterProvider(),
		})
		if err != nil {
			return err
		}
		rt.Go("reconciler", func(ctx context.Context) error { return reconciler.Run(ctx, c.ReconcileEvery, c.ReconcileRest) })
	}
	rt.Handle(counterv1connect.NewCounterServiceHandler(New(counts), rt.HandlerOptions()))
	return nil
}

// owners are clients of those who have the rows.
func owners(rt *app.Runtime) Owners {
	likes, likesURL := rt.Client("interaction")
	follows, followsURL := rt.Client("relation")
	works, worksURL := rt.Client("video")
	return Owners{
		Likes:   interactionv1connect.NewInteractionServiceClient(likes, likesURL, rt.ClientOptions()),
		Follows: relationv1connect.NewRelationServiceClient(follows, followsURL, rt.ClientOptions()),
		Works:   videov1connect.NewVideoServiceClient(works, worksURL, rt.ClientOptions()),
	}
}
