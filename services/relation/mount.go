package relation

import (
	"context"
	"embed"
	"io/fs"

	relationv1 "douyin.dev/gen/douyin/relation/v1"
	"douyin.dev/gen/douyin/relation/v1/relationv1connect"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/outbox"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Component is the relation service as a part of a process.
type Component struct {
	Config `embed:""`
}

// Schema implements app.Owner.
func (*Component) Schema() fs.FS { return migrations }

// Mount implements app.Component.
func (c *Component) Mount(ctx context.Context, rt *app.Runtime) error {
	db, err := rt.Postgres(ctx, migrations)
	if err != nil {
		return err
	}
	rt.EnsureTopics(bus.TopicSpec{Name: outbox.Topic(&relationv1.FollowChanged{})})
	service, err := New(Deps{
		Config: c.Config, DB: db, Now: rt.Clock(), Wake: rt.Outbox(db).Wake,
		Users: app.NewClient(rt, "user", userv1connect.NewUserServiceClient),
	})
	if err != nil {
		return err
	}
	return app.HandleService[relationv1connect.RelationServiceHandler](rt, relationv1connect.NewRelationServiceHandler, service)
}
