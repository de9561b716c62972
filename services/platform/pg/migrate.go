package pg

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

// The tables the platform keeps in every service's schema: outbox, applied
// events, machine leases, idempotency keys.
//
//go:embed migrations/*.sql
var platformMigrations embed.FS

// Migrate brings the service's schema up to date: the platform's tables first,
// then the service's own migrations (goose SQL files in the folder "migrations"
// of fsys; nil for none). Several processes may migrate at the same time; one
// does the work. A schema that is newer is left as it is.
func Migrate(ctx context.Context, db *DB, fsys fs.FS) error {
	// Most starts find nothing to do; looking needs no lock.
	var behind *BehindError
	if err := CheckSchema(ctx, db, fsys); !errors.As(err, &behind) {
		return err
	}
	if err := ensureSchema(ctx, db); err != nil {
		return fmt.Errorf("schema %s: %w", db.schema, err)
	}
	if err := apply(ctx, db, platformMigrations, platformVersions); err != nil {
		return fmt.Errorf("migrate platform tables of %s: %w", db.schema, err)
	}
	if fsys == nil {
		return nil
	}
	if err := apply(ctx, db, fsys, serviceVersions); err != nil {
		return fmt.Errorf("migrate %s: %w", db.schema, err)
	}
	return nil
}

func apply(ctx context.Context, db *DB, fsys fs.FS, table string) error {
	files, err := fs.Sub(fsys, migrationsDir)
	if err != nil {
		return err
	}
	h := fnv.New32a()
	h.Write([]byte(db.schema + "/" + table))
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(int64(h.Sum32())), lock.WithLockTimeout(1, 60))
	if err != nil {
		return err
	}
	store, err := database.NewStore(database.DialectPostgres, table)
	if err != nil {
		return err
	}
	sqlDB := stdlib.OpenDBFromPool(db.rw)
	defer sqlDB.Close()
	provider, err := goose.NewProvider("", sqlDB, files, goose.WithStore(store), goose.WithSessionLocker(locker))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

const uniqueViolation = "23505"

// ensureSchema creates the schema where the role may; where an operator made
// it, it is there already.
func ensureSchema(ctx context.Context, db *DB) error {
	const existsSQL = `SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)`
	var exists bool
	if err := db.rw.QueryRow(ctx, existsSQL, db.schema).Scan(&exists); err != nil {
		return err
	}
	if exists {
		return nil
	}
	_, err := db.rw.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS `+pgx.Identifier{db.schema}.Sanitize())
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == uniqueViolation {
		return nil // IF NOT EXISTS does not see one that is being created at this moment
	}
	return err
}
