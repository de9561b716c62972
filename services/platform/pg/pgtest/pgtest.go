// Package pgtest gives each test a migrated schema of its own in a real Postgres.
package pgtest

import (
	"context"
	"crypto/rand"
	"io/fs"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/pg"
)

// New returns a database with the platform's tables and the given migrations
// in a schema that only this test uses. It is dropped when the test ends.
func New(t testing.TB, migrations fs.FS) *pg.DB {
	t.Helper()
	ctx := context.Background()
	db, err := pg.Open(ctx, pg.Config{
		DSN:     infratest.Postgres(t),
		Service: "t_" + strings.ToLower(rand.Text()[:16]), MaxConns: 8,
	})
	if err != nil {
		t.Fatalf("open test database: %v", err)
	}
	t.Cleanup(func() {
		if _, err := db.RW().Exec(ctx, `DROP SCHEMA IF EXISTS `+pgx.Identifier{db.Schema()}.Sanitize()+` CASCADE`); err != nil {
			t.Errorf("drop test schema: %v", err)
		}
		db.Close()
	})
	if err := pg.Migrate(ctx, db, migrations); err != nil {
		t.Fatalf("migrate test database: %v", err)
	}
	return db
}
