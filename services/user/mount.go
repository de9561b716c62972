package user

import (
	"context"
	"crypto/rand"
	"embed"
	"io/fs"
	"time"

	"go.opentelemetry.io/otel"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/outbox"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Component is the user service as a part of a process.
type Component struct {
	Config `embed:""`
	Keys   `embed:""`

	PasswordHashes int           `help:"Passwords hashed at the same time, 19 MiB each; 0 for one for every two cores." default:"0"`
	PasswordWait   time.Duration `help:"How much hashing may wait; a login or registration that comes on top is refused with 10009." default:"2s"`
	PasswordShare  float64       `help:"Share of the cores that hashing may use while others wait for one; 1 for all." default:"0.15"`
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
	issuer, err := c.issuer(ctx, db, rt.Clock(), rand.Reader)
	if err != nil {
		return err
	}
	redis, err := rt.Redis(ctx)
	if err != nil {
		return err
	}
	rt.EnsureTopics(bus.TopicSpec{Name: outbox.Topic(&userv1.UserChanged{})})
	passwords := auth.NewPasswords(c.PasswordHashes, c.PasswordShare)
	passwords.BoundWait(c.PasswordWait)
	service, err := New(Deps{
		Config: c.Config, DB: db, IDs: ids, Issuer: issuer, Now: rt.Clock(), Redis: redis, Wake: rt.Outbox(db).Wake,
		Passwords: passwords, SessionID: rand.Text, Meters: otel.GetMeterProvider(),
	})
	if err != nil {
		return err
	}
	rt.Go("cache", service.Run)
	rt.Go("events", func(ctx context.Context) error { return rt.Bus().Consume(ctx, service.Subscription()) })
	keys, err := issuer.JWKS()
	if err != nil {
		return err
	}
	rt.Handle(auth.PathJWKS, keys)
	return app.HandleService[userv1connect.UserServiceHandler](rt, userv1connect.NewUserServiceHandler, service)
}
