package search

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// progress is a row of rebuild.
type progress struct {
	Kind    kind
	Run     int64
	AfterID int64
}

const progressSQL = `SELECT kind, run, after_id FROM rebuild ORDER BY kind`

func (s *store) progress(ctx context.Context) ([]progress, error) {
	rows, err := s.db.RW().Query(ctx, progressSQL)
	if err != nil {
		return nil, fmt.Errorf("read progress of the rebuild: %w", err)
	}
	kinds, err := pgx.CollectRows(rows, pgx.RowToStructByName[progress])
	if err != nil {
		return nil, fmt.Errorf("read progress of the rebuild: %w", err)
	}
	return kinds, nil
}

// A rebuild that was asked for again meanwhile has another run, and begins anew.
const advanceSQL = `UPDATE rebuild SET after_id = @up_to WHERE kind = @kind AND run = @run`

func (s *store) advance(ctx context.Context, p progress, upTo int64) error {
	if _, err := s.db.RW().Exec(ctx, advanceSQL, pgx.NamedArgs{"kind": p.Kind, "run": p.Run, "up_to": upTo}); err != nil {
		return fmt.Errorf("note progress of the rebuild: %w", err)
	}
	return nil
}

const beginSQL = `UPDATE rebuild SET run = run + 1, after_id = 0`

// begin asks for a rebuild of all documents.
func (s *store) begin(ctx context.Context) error {
	if _, err := s.db.RW().Exec(ctx, beginSQL); err != nil {
		return fmt.Errorf("ask for a rebuild: %w", err)
	}
	return nil
}

// Uses the primary key.
const documentsAfterSQL = `SELECT id FROM document WHERE id > @after AND kind = @kind ORDER BY id LIMIT @limit`

func (s *store) documentsAfter(ctx context.Context, kind kind, after int64, limit int) ([]int64, error) {
	rows, err := s.db.RW().Query(ctx, documentsAfterSQL, pgx.NamedArgs{"kind": kind, "after": after, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("list documents: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("list documents: %w", err)
	}
	return ids, nil
}
