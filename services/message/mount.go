package message

import (
	"context"
	"embed"
	"io/fs"

	messagev1 "douyin.dev/gen/douyin/message/v1"
	"douyin.dev/gen/douyin/message/v1/messagev1connect"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/outbox"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Component is the message service as a part of a process.
type Component struct{}

// Schema implements app.Owner.
func (*Component) Schema() fs.FS { return migrations }

// Mount opens what the service needs, serves it, and keeps its subscribers awake.
func (*Component) Mount(ctx context.Context, rt *app.Runtime) error {
	db, err := rt.Postgres(ctx, migrations)
	if err != nil {
		return err
	}
	ids, err := rt.IDs(ctx, db)
	if err != nil {
		return err
	}
	redis, err := rt.Redis(ctx)
	if err != nil {
		return err
	}
	rt.EnsureTopics(bus.TopicSpec{Name: outbox.Topic(&messagev1.MessageSent{})})
	svc, err := New(Deps{
		DB:    db,
		Users: app.NewClient(rt, "user", userv1connect.NewUserServiceClient),
		Redis: redis,
		IDs:   ids,
		Now:   rt.Clock(),
		Wake:  rt.Outbox(db).Wake,
		Log:   rt.Log,
	})
	if err != nil {
		return err
	}
	rt.OnDrain(svc.Drain)
	rt.Go("wake-ups", svc.Run)
	return app.HandleService[messagev1connect.MessageServiceHandler](rt, messagev1connect.NewMessageServiceHandler, svc)
}
