package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"douyin.dev/services/platform/pause"
	"douyin.dev/services/platform/pg"
)

// Owner is a component with tables of its own. The commands migrate and
// wait-schema need no more of it than this.
type Owner interface {
	Component
	// Schema returns the component's migrations as pg.Migrate takes them: an
	// embedded folder "migrations".
	Schema() fs.FS
}

// Sharer is an Owner whose tables are those of another component of its package.
type Sharer interface {
	Owner
	// SchemaName returns that component's name.
	SchemaName() string
}

// schemaOf returns the name of a component's schema and role: its own, or that of
// the component whose tables it shares.
func schemaOf(name string, owner Owner) string {
	if shared, ok := owner.(Sharer); ok {
		return shared.SchemaName()
	}
	return name
}

const (
	// migrateTimeout bounds how long a start waits for Postgres, and how long
	// the migrations may take.
	migrateTimeout = 2 * time.Minute
	// schemaPoll is the pause between two looks at a Postgres or a schema that
	// is not there yet.
	schemaPoll = time.Second
)

// Values of Config.Migrate.
const (
	migrateAuto = "auto"
	migrateOff  = "off"
)

// Postgres returns the service's database with the schema the migrations
// describe: it brings it up to date, or checks that somebody did, as configured.
// It waits for a Postgres that is not up yet.
func (rt *Runtime) Postgres(ctx context.Context, migrations fs.FS) (*pg.DB, error) {
	db, err := rt.PostgresOf(ctx, rt.Service, migrations)
	if err != nil {
		return nil, err
	}
	rt.Go("idempotency keys", func(ctx context.Context) error { return db.ForgetKeys(ctx, rt.Log) })
	return db, nil
}

// PostgresOf returns the database of another component, for a Sharer.
func (rt *Runtime) PostgresOf(ctx context.Context, component string, migrations fs.FS) (*pg.DB, error) {
	db, err := openPostgres(ctx, rt.Config, component)
	if err != nil {
		return nil, err
	}
	rt.OnStop("postgres", func(context.Context) error { db.Close(); return nil })
	prepare := pg.Migrate
	if rt.Config.Migrate == migrateOff {
		prepare = pg.CheckSchema
	}
	err = awaitPostgres(ctx, rt.Log, func(ctx context.Context) error { return prepare(ctx, db, migrations) })
	if behind := new(pg.BehindError); errors.As(err, &behind) {
		return nil, fmt.Errorf("%w: run %q first, or start with --migrate=%s", err, rt.Service+" migrate", migrateAuto)
	}
	if err != nil {
		return nil, err
	}
	rt.OnReady("postgres", db.Ping)
	return db, nil
}

func openPostgres(ctx context.Context, c *Config, service string) (*pg.DB, error) {
	if c.PostgresDSN == "" {
		return nil, errors.New("configuration: postgres-dsn is needed")
	}
	return pg.Open(ctx, pg.Config{
		DSN: c.PostgresDSN, ReadDSN: c.PostgresReadDSN, Service: service, MaxConns: c.PostgresMaxConns,
	})
}

// awaitPostgres repeats do for as long as Postgres cannot be reached, at most
// migrateTimeout.
func awaitPostgres(ctx context.Context, log *slog.Logger, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	for {
		err := do(ctx)
		if err == nil || !pg.Unavailable(err) {
			return err
		}
		log.WarnContext(ctx, "waiting for postgres", "error", err)
		if !pause.For(ctx, schemaPoll) {
			return errors.Join(err, ctx.Err())
		}
	}
}

// migrate is the command of that name.
func migrate(ctx context.Context, name string, c *Config, owner Owner, log *slog.Logger) error {
	db, err := openPostgres(ctx, c, name)
	if err != nil {
		return err
	}
	defer db.Close()
	err = awaitPostgres(ctx, log, func(ctx context.Context) error { return pg.Migrate(ctx, db, owner.Schema()) })
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "schema is up to date", "schema", name)
	return nil
}

// waitSchema is the command wait-schema. It waits until it is told to stop:
// whoever started it knows how long that may take. Each reason is logged once.
func waitSchema(ctx context.Context, name string, c *Config, owner Owner, log *slog.Logger) error {
	db, err := openPostgres(ctx, c, name)
	if err != nil {
		return err
	}
	defer db.Close()
	for said := ""; ; {
		err := pg.CheckSchema(ctx, db, owner.Schema())
		if err == nil {
			log.InfoContext(ctx, "schema is there", "schema", name)
			return nil
		}
		if reason := err.Error(); reason != said && ctx.Err() == nil {
			log.WarnContext(ctx, "waiting for the schema", "schema", name, "error", err)
			said = reason
		}
		if !pause.For(ctx, schemaPoll) {
			return fmt.Errorf("schema %s is not there: %w", name, ctx.Err())
		}
	}
}
