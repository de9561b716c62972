package interaction

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/services/platform/outbox"
)

// Uses video_like_video and the primary key of comment.
const tallyVideosSQL = `WITH next AS (
	(SELECT DISTINCT video_id FROM video_like WHERE video_id > @after ORDER BY video_id LIMIT @limit)
	UNION
	(SELECT DISTINCT video_id FROM comment WHERE video_id > @after ORDER BY video_id LIMIT @limit)
	ORDER BY video_id LIMIT @limit
)
SELECT video_id,
	(SELECT count(*) FROM video_like l WHERE l.video_id = next.video_id) AS likes,
	(SELECT count(*) FROM comment c WHERE c.video_id = next.video_id) AS comments
FROM next ORDER BY video_id`

// tallyVideos counts the rows of up to limit videos, and says which have
// changes that nobody can have heard of.
func (s *store) tallyVideos(ctx context.Context, after int64, limit int) (tallies []*interactionv1.VideoTally, unannounced []int64, err error) {
	err = s.snapshot(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, tallyVideosSQL, pgx.NamedArgs{"after": after, "limit": limit})
		if err != nil {
			return err
		}
		tallies, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*interactionv1.VideoTally, error) {
			t := &interactionv1.VideoTally{}
			return t, row.Scan(&t.VideoId, &t.FavoriteCount, &t.CommentCount)
		})
		if err != nil {
			return err
		}
		likes, err := outbox.Pending(ctx, tx, &interactionv1.LikeChanged{})
		if err != nil {
			return err
		}
		comments, err := outbox.Pending(ctx, tx, &interactionv1.CommentChanged{})
		if err != nil {
			return err
		}
		for _, e := range likes {
			unannounced = append(unannounced, e.GetVideoId())
		}
		for _, e := range comments {
			unannounced = append(unannounced, e.GetVideoId())
		}
		return nil
	})
	return tallies, distinct(unannounced), err
}

// Uses the primary key of video_like, and video_like_author.
const tallyUsersSQL = `WITH next AS (
	(SELECT DISTINCT user_id FROM video_like WHERE user_id > @after ORDER BY user_id LIMIT @limit)
	UNION
	(SELECT DISTINCT author_id FROM video_like WHERE author_id > @after ORDER BY author_id LIMIT @limit)
	ORDER BY user_id LIMIT @limit
)
SELECT user_id,
	(SELECT count(*) FROM video_like l WHERE l.user_id = next.user_id) AS given,
	(SELECT count(*) FROM video_like l WHERE l.author_id = next.user_id) AS received
FROM next ORDER BY user_id`

// tallyUsers is tallyVideos for users.
func (s *store) tallyUsers(ctx context.Context, after int64, limit int) (tallies []*interactionv1.UserTally, unannounced []int64, err error) {
	err = s.snapshot(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, tallyUsersSQL, pgx.NamedArgs{"after": after, "limit": limit})
		if err != nil {
			return err
		}
		tallies, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*interactionv1.UserTally, error) {
			t := &interactionv1.UserTally{}
			return t, row.Scan(&t.UserId, &t.FavoriteCount, &t.TotalFavorited)
		})
		if err != nil {
			return err
		}
		likes, err := outbox.Pending(ctx, tx, &interactionv1.LikeChanged{})
		for _, e := range likes {
			unannounced = append(unannounced, e.GetUserId(), e.GetAuthorId())
		}
		return err
	})
	return tallies, distinct(unannounced), err
}

// snapshot runs reads that all see one moment. It reads the primary: who asks
// relies on seeing every change whose event was published before.
func (s *store) snapshot(ctx context.Context, read func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, s.db.RW(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, read)
}

func distinct(ids []int64) []int64 {
	slices.Sort(ids)
	return slices.Compact(ids)
}
