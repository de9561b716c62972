package user

import (
	"context"
	"crypto/rand"
	"embed"
	"io/fs"

	"go.opentelemetry.io/otel"

	"douyin.dev/gen/douyin/user/v1/userv1connect"
	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/auth"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Component is the user service as a part of a process.
type Component struct {
	Config `embed:""`
	Keys   `embed:""`

	PasswordHashes int `help:"Passwords hashed at the same time, 19 MiB each; 0 for one a core." default:"0"`
}

// Mount implements app.Component.
func (c *Component) Mount(ctx context.Context, rt *app.Runtime) error {
	tables, err := fs.Sub(migrations, "migrations")
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
	issuer, err := c.issuer(ctx, db, rt.Clock(), rand.Reader)
	if err != nil {
		return err
	}
	redis, err := rt.Redis(ctx)
	if err != nil {
		return err
	}
	service, err := New(Deps{
		Config: c.Config, DB: db, IDs: ids, Issuer: issuer, Now: rt.Clock(), Redis: redis,
		Passwords: auth.NewPasswords(c.PasswordHashes), SessionID: rand.Text, Meters: otel.GetMeterProvider(),
	})
	if err != nil {
		return err
	}
	rt.Go("cache", service.Run)
	keys, err := issuer.JWKS()
	if err != nil {
		return err
	}
	rt.Handle(auth.PathJWKS, keys)
	rt.Handle(userv1connect.NewUserServiceHandler(service, rt.HandlerOptions()))
	return nil
}
