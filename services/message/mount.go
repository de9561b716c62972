package message

import (
	"context"
	"embed"
	"io/fs"
	"time"

	messagev1 "douyin.dev/gen/douyin/message/v1"
	"douyin.dev/gen/douyin/message/v1/messagev1connect"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/outbox"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() (fs.FS, error) { return fs.Sub(migrations, "migrations") }

// retention is how long events can be replayed; consumers remember them twice as long.
const retention = 7 * 24 * time.Hour

// Component is the message service as a part of a process.
type Component struct{}

// Mount opens what the service needs, serves it, and keeps its subscribers awake.
func (*Component) Mount(ctx context.Context, rt *app.Runtime) error {
	tables, err := Migrations()
	if err != nil {
		return err
	}
	db, err := rt.Postgres(ctx, tables)
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
	if err := rt.EnsureTopics(ctx, bus.TopicSpec{Name: outbox.Topic(&messagev1.MessageSent{}), Retention: retention}); err != nil {
		return err
	}
	client, baseURL := rt.Client("user")
	svc, err := New(Deps{
		DB:    db,
		Users: userv1connect.NewUserServiceClient(client, baseURL, rt.ClientOptions()),
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
	rt.Handle(messagev1connect.NewMessageServiceHandler(svc, rt.HandlerOptions()))
	return nil
}
