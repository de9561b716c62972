package video

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/outbox"
)

// TallyAuthors implements VideoService.
func (s *Service) TallyAuthors(ctx context.Context, req *videov1.TallyAuthorsRequest) (*videov1.TallyAuthorsResponse, error) {
	if req.GetLimit() < 1 || req.GetLimit() > maxBatch {
		return nil, fault.Invalid("limit", "must be 1 to 1000")
	}
	tallies, unannounced, err := s.tally(ctx, req.GetAfterId(), int(req.GetLimit()))
	if err != nil {
		return nil, fmt.Errorf("tally authors: %w", err)
	}
	return &videov1.TallyAuthorsResponse{Tallies: tallies, UnannouncedIds: unannounced}, nil
}

// Uses video_author.
const tallySQL = `SELECT author_id, count(*) FROM video WHERE state = 1 AND visibility = 1 AND author_id > @after
GROUP BY author_id ORDER BY author_id LIMIT @limit`

// tally counts the public videos of up to limit authors, and says which have changes
// that nobody can have heard of. All of it is read at one moment, from the
// primary: who asks relies on seeing every change whose event was published before.
func (s *Service) tally(ctx context.Context, after int64, limit int) (tallies []*videov1.AuthorTally, unannounced []int64, err error) {
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, s.db.RW(), moment, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, tallySQL, pgx.NamedArgs{"after": after, "limit": limit})
		if err != nil {
			return err
		}
		tallies, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*videov1.AuthorTally, error) {
			t := &videov1.AuthorTally{}
			return t, row.Scan(&t.AuthorId, &t.WorkCount)
		})
		if err != nil {
			return err
		}
		pending, err := outbox.Pending(ctx, tx, &videov1.VideoChanged{})
		for _, e := range pending {
			unannounced = append(unannounced, e.GetAuthorId())
		}
		return err
	})
	return tallies, distinct(unannounced), err
}
