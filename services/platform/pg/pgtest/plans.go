package pgtest

import (
	"testing"

	"douyin.dev/services/platform/pg"
)

// ReusedPlans counts how often statements that match a LIKE pattern have run by
// a plan that was there, on all idle connections. Postgres plans the first five
// uses of a statement on each connection in any case.
func ReusedPlans(t testing.TB, db *pg.DB, pattern string) int64 {
	t.Helper()
	reused := int64(0)
	for _, conn := range db.RW().AcquireAllIdle(t.Context()) {
		var here int64
		err := conn.QueryRow(t.Context(), `SELECT coalesce(sum(generic_plans), 0)::bigint FROM pg_prepared_statements
			WHERE statement LIKE $1`, pattern).Scan(&here)
		conn.Release()
		if err != nil {
			t.Fatal(err)
		}
		reused += here
	}
	return reused
}
