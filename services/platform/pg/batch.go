package pg

import (
	"context"

	"connectrpc.com/connect"

	"douyin.dev/services/platform/coalesce"
	"douyin.dev/services/platform/fault"
)

// NewBatch returns a batch of reads: calls that arrive together share a statement.
// run gets 1 to limit queries and answers one for each, in order. Queries with equal
// keys never share a run; a nil key lets all share.
func NewBatch[Q, A any](limit int, key func(Q) any, run func(context.Context, []Q) ([]A, error)) *coalesce.Batch[Q, A] {
	return coalesce.NewBatch(coalesce.BatchConfig[Q, A]{Run: run, Max: limit, Key: key, FailsAlike: isAway})
}

// NewWriteBatch returns a batch like NewBatch whose runs change something, in one
// commit: a call whose caller leaves during its run has an unknown outcome.
func NewWriteBatch[Q, A any](limit int, key func(Q) any, run func(context.Context, []Q) ([]A, error)) *coalesce.Batch[Q, A] {
	return coalesce.NewBatch(coalesce.BatchConfig[Q, A]{Run: run, Max: limit, Key: key, Writes: true, FailsAlike: isAway})
}

// isAway reports whether Postgres cannot be used now, for any query.
func isAway(err error) bool { return fault.CodeOf(Fault(err)) == connect.CodeUnavailable }
