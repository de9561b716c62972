package interaction

import (
	"context"
	"embed"
	"io/fs"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/gen/douyin/interaction/v1/interactionv1connect"
	"douyin.dev/gen/douyin/video/v1/videov1connect"
	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/outbox"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Component is the interaction service as a part of a process.
type Component struct{}

// Schema implements app.Owner.
func (*Component) Schema() fs.FS { return migrations }

// Mount opens what the service needs, serves it, and listens for deleted videos.
func (*Component) Mount(ctx context.Context, rt *app.Runtime) error {
	db, err := rt.Postgres(ctx, migrations)
	if err != nil {
		return err
	}
	ids, err := rt.IDs(ctx, db)
	if err != nil {
		return err
	}
	rt.EnsureTopics(
		bus.TopicSpec{Name: outbox.Topic(&interactionv1.LikeChanged{})},
		bus.TopicSpec{Name: outbox.Topic(&interactionv1.CommentChanged{})},
		bus.TopicSpec{Name: outbox.Topic(&interactionv1.VideosViewed{})},
	)
	svc, err := New(Deps{
		DB:     db,
		Videos: app.NewClient(rt, "video", videov1connect.NewVideoServiceClient),
		IDs:    ids,
		Now:    rt.Clock(),
		Wake:   rt.Outbox(db).Wake,
	})
	if err != nil {
		return err
	}
	rt.Go("video events", func(ctx context.Context) error {
		return rt.Bus().Consume(ctx, svc.Subscription())
	})
	return app.HandleService[interactionv1connect.InteractionServiceHandler](rt, interactionv1connect.NewInteractionServiceHandler, svc)
}
