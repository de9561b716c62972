package pg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
)

// migrationsDir is the folder of the migrations in every embedded file system.
const migrationsDir = "migrations"

// Each set of migrations has a version table of its own: the platform's
// numbers and the service's do not meet.
const (
	platformVersions = "goose_platform"
	serviceVersions  = "goose_service"
)

// BehindError says which migrations a schema lacks.
type BehindError struct {
	Schema  string
	Missing []string // file names; those of the platform's tables begin with "platform/"
}

func (e *BehindError) Error() string {
	return fmt.Sprintf("schema %s lacks %s", e.Schema, strings.Join(e.Missing, ", "))
}

// CheckSchema returns a BehindError when a migration of the platform's tables
// or of fsys was not applied. A schema that is newer than these is fine:
// migrations expand first and contract when no old process is left. It changes
// nothing. fsys is what Migrate takes.
func CheckSchema(ctx context.Context, db *DB, fsys fs.FS) error {
	lacking, err := missing(ctx, db, platformMigrations, platformVersions)
	if err != nil {
		return fmt.Errorf("check schema %s: %w", db.schema, err)
	}
	for i := range lacking {
		lacking[i] = "platform/" + lacking[i]
	}
	if fsys != nil {
		own, err := missing(ctx, db, fsys, serviceVersions)
		if err != nil {
			return fmt.Errorf("check schema %s: %w", db.schema, err)
		}
		lacking = append(lacking, own...)
	}
	if len(lacking) > 0 {
		return &BehindError{Schema: db.schema, Missing: lacking}
	}
	return nil
}

// missing returns the files of fsys that the version table does not know, in
// order. A table that does not exist knows none.
func missing(ctx context.Context, db *DB, fsys fs.FS, table string) ([]string, error) {
	files, err := fs.Glob(fsys, path.Join(migrationsDir, "*.sql"))
	if err != nil {
		return nil, err
	}
	versions, err := column[int64](ctx, db, `SELECT version_id FROM `+pgx.Identifier{table}.Sanitize()+` WHERE is_applied`)
	if err != nil && !undefinedTable(err) {
		return nil, err
	}
	applied := make(map[int64]bool, len(versions))
	for _, v := range versions {
		applied[v] = true
	}
	var lacking []string
	for _, file := range files {
		version, err := goose.NumericComponent(file)
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", file, err)
		}
		if !applied[version] {
			lacking = append(lacking, path.Base(file))
		}
	}
	return lacking, nil
}

// column returns the rows of a query with one column.
func column[T any](ctx context.Context, db *DB, sql string) ([]T, error) {
	rows, err := db.rw.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[T])
}

func undefinedTable(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "42P01"
}
