package search

import (
	"context"
	"embed"
	"io/fs"

	"douyin.dev/gen/douyin/counter/v1/counterv1connect"
	"douyin.dev/gen/douyin/search/v1/searchv1connect"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	"douyin.dev/gen/douyin/video/v1/videov1connect"
	"douyin.dev/services/platform/app"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Component is the search service as a part of a process.
type Component struct{}

// Schema implements app.Owner.
func (*Component) Schema() fs.FS { return migrations }

// Mount opens what the service needs, serves it, and listens for what changes.
func (*Component) Mount(ctx context.Context, rt *app.Runtime) error {
	db, err := rt.Postgres(ctx, migrations)
	if err != nil {
		return err
	}
	svc, err := New(Deps{
		DB:     db,
		Videos: app.NewClient(rt, "video", videov1connect.NewVideoServiceClient),
		Users:  app.NewClient(rt, "user", userv1connect.NewUserServiceClient),
		Counts: app.NewClient(rt, "counter", counterv1connect.NewCounterServiceClient),
		Log:    rt.Log,
	})
	if err != nil {
		return err
	}
	for _, subscription := range svc.Subscriptions() {
		rt.Go(subscription.Group+" events", func(ctx context.Context) error {
			return rt.Bus().Consume(ctx, subscription)
		})
	}
	rt.Go("weights", svc.Weigh)
	rt.Go("rebuild", svc.Rebuild)
	return app.HandleService[searchv1connect.SearchServiceHandler](rt, searchv1connect.NewSearchServiceHandler, svc)
}
