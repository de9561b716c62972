package search

import (
	"testing"

	"douyin.dev/services/platform/pg/pgtest"
)

// The schema must be able to move to Citus: every key contains the column its
// table is distributed by.
func TestEveryKeyHoldsItsTablesDistributionColumn(t *testing.T) {
	t.Parallel()
	pgtest.CheckDistribution(t, pgtest.New(t, migrations))
}
