package relation

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	relationv1 "douyin.dev/gen/douyin/relation/v1"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/outbox"
)

// maxTally bounds the entries of a tally.
const maxTally = 1000

// TallyUsers counts the follows of users in the order of their ids.
func (s *Service) TallyUsers(ctx context.Context, req *relationv1.TallyUsersRequest) (*relationv1.TallyUsersResponse, error) {
	if req.GetLimit() < 1 || req.GetLimit() > maxTally {
		return nil, fault.Invalid("limit", fmt.Sprintf("must be 1 to %d", maxTally))
	}
	tallies, unannounced, err := s.store.tally(ctx, req.GetAfterId(), int(req.GetLimit()))
	if err != nil {
		return nil, fmt.Errorf("tally follows: %w", err)
	}
	return &relationv1.TallyUsersResponse{Tallies: tallies, UnannouncedIds: unannounced}, nil
}

// Uses the primary keys of both tables.
const tallySQL = `WITH next AS (
    (SELECT DISTINCT follower_id AS user_id FROM following WHERE follower_id > @after ORDER BY user_id LIMIT @limit)
    UNION
    (SELECT DISTINCT followee_id FROM follower WHERE followee_id > @after ORDER BY followee_id LIMIT @limit)
    ORDER BY user_id LIMIT @limit
)
SELECT user_id,
    (SELECT count(*) FROM following f WHERE f.follower_id = next.user_id) AS follows,
    (SELECT count(*) FROM follower f WHERE f.followee_id = next.user_id) AS followers
FROM next ORDER BY user_id`

// tally counts the follows of up to limit users, and says which have changes
// that nobody can have heard of. All of it is read at one moment, from the
// primary: who asks relies on seeing every change whose event was published before.
func (s store) tally(ctx context.Context, after int64, limit int) (tallies []*relationv1.UserTally, unannounced []int64, err error) {
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, s.db.RW(), moment, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, tallySQL, pgx.NamedArgs{"after": after, "limit": limit})
		if err != nil {
			return err
		}
		tallies, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*relationv1.UserTally, error) {
			t := &relationv1.UserTally{}
			return t, row.Scan(&t.UserId, &t.FollowCount, &t.FollowerCount)
		})
		if err != nil {
			return err
		}
		pending, err := outbox.Pending(ctx, tx, &relationv1.FollowChanged{})
		for _, e := range pending {
			unannounced = append(unannounced, e.GetFollowerId(), e.GetFolloweeId())
		}
		return err
	})
	slices.Sort(unannounced)
	return tallies, slices.Compact(unannounced), err
}
