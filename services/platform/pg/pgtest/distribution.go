package pgtest

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"douyin.dev/services/platform/pg"
)

const keysSQL = `SELECT c.relname AS name, coalesce(obj_description(c.oid), '') AS comment,
  coalesce(array_agg(con.conname::text ORDER BY con.conname) FILTER (WHERE con.oid IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM unnest(con.conkey) k JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k
    WHERE 'distributed by ' || a.attname = obj_description(c.oid))), '{}') AS broken
FROM pg_class c
LEFT JOIN pg_constraint con ON con.conrelid = c.oid AND con.contype IN ('p', 'u', 'f')
WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'r' AND c.relname NOT LIKE 'goose\_%'
GROUP BY c.oid, c.relname ORDER BY c.relname`

// CheckDistribution fails the test for every table that could not be
// distributed: one whose comment does not say "distributed by <column>", or
// with a primary, unique or foreign key that lacks this column.
func CheckDistribution(t testing.TB, db *pg.DB) {
	t.Helper()
	rows, err := db.RW().Query(t.Context(), keysSQL, db.Schema())
	if err != nil {
		t.Fatalf("read catalog: %v", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByName[struct {
		Name, Comment string
		Broken        []string
	}])
	if err != nil {
		t.Fatalf("read catalog: %v", err)
	}
	if len(tables) == 0 {
		t.Error("the schema has no tables")
	}
	for _, table := range tables {
		if !strings.HasPrefix(table.Comment, "distributed by ") {
			t.Errorf("table %s does not say what it is distributed by", table.Name)
		}
		for _, key := range table.Broken {
			t.Errorf("key %s of table %s lacks the column the table is distributed by", key, table.Name)
		}
	}
}
