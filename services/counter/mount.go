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

// Component is the counter service as a part of a process: it answers reads.
type Component struct{}

// Schema implements app.Owner.
func (*Component) Schema() fs.FS { return migrations }

// Mount implements app.Component.
func (*Component) Mount(ctx context.Context, rt *app.Runtime) error {
	db, err := rt.Postgres(ctx, migrations)
	if err != nil {
		return err
	}
	redis, err := rt.Redis(ctx)
	if err != nil {
		return err
	}
	counts, err := NewCounts(db, redis, readerCopies)
	if err != nil {
		return err
	}
	rt.Go("cache", counts.Run)
	return app.HandleService[counterv1connect.CounterServiceHandler](rt, counterv1connect.NewCounterServiceHandler, New(counts))
}

// Worker is the part of a process that applies events to the counts, and compares
// the counts with the rows they count. Several share the partitions of its topics.
type Worker struct {
	ReconcileEvery time.Duration `help:"Pause between comparisons of all counts with the rows they count; 0 for none." default:"10m"`
	ReconcileRest  time.Duration `help:"Pause of such a comparison after 200 videos or users." default:"1s"`
}

// Schema implements app.Owner.
func (*Worker) Schema() fs.FS { return migrations }

// owningComponent is the component whose tables a Worker writes.
const owningComponent = "counter"

// SchemaName implements app.Sharer.
func (*Worker) SchemaName() string { return owningComponent }

// Mount implements app.Component.
func (c *Worker) Mount(ctx context.Context, rt *app.Runtime) error {
	db, err := rt.PostgresOf(ctx, owningComponent, migrations)
	if err != nil {
		return err
	}
	redis, err := rt.Redis(ctx)
	if err != nil {
		return err
	}
	counts, err := NewCounts(db, redis, writerCopies)
	if err != nil {
		return err
	}
	rt.Go("cache", counts.Run)
	applier := NewApplier(db, counts, rt.Log)
	rt.Go("events", func(ctx context.Context) error {
		return rt.Bus().Consume(ctx, applier.Subscription())
	})
	rt.Go("forget", applier.Forget)
	if c.ReconcileEvery == 0 {
		return nil
	}
	reconciler, err := NewReconciler(ReconcilerDeps{
		DB: db, Counts: counts, Progress: rt.Bus(), Log: rt.Log, Meters: otel.GetMeterProvider(),
		Owners: Owners{
			Likes:   app.NewClient(rt, "interaction", interactionv1connect.NewInteractionServiceClient),
			Follows: app.NewClient(rt, "relation", relationv1connect.NewRelationServiceClient),
			Works:   app.NewClient(rt, "video", videov1connect.NewVideoServiceClient),
		},
	})
	if err != nil {
		return err
	}
	rt.Go("reconciler", func(ctx context.Context) error { return reconciler.Run(ctx, c.ReconcileEvery, c.ReconcileRest) })
	return nil
}
