package interaction

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/page"
)

// toggle sets or clears one like.
type toggle struct {
	userID, videoID, authorID int64
	liked                     bool
	// at is when, in Unix microseconds.
	at int64
}

// pair is what a toggle is about: two of one pair never share a statement.
func (t toggle) pair() any { return [2]int64{t.userID, t.videoID} }

func (t toggle) event() outbox.Event {
	return outbox.Event{Key: t.videoID, Message: &interactionv1.LikeChanged{
		UserId: t.userID, VideoId: t.videoID, AuthorId: t.authorID, Liked: t.liked,
	}}
}

// One statement sets and clears all likes of a batch, and announces those that
// changed something.
//
// Everyone takes rows in one order, against deadlocks: new likes first, sorted;
// then, and not before (that is what the count is for), old ones, sorted and
// locked before they are deleted, since the order of a DELETE is the planner's.
// An insert may wait for another statement's insert or delete, a delete only for
// another's delete, because it cannot see an insert that is not committed: so no
// circle of statements waits for itself.
//
// An outbox row gets its id after its like was changed, so after whoever held
// the pair before has committed: the events of a pair are in the order of its
// changes.
const toggleSQL = `WITH input AS MATERIALIZED (
	SELECT * FROM unnest(@video_ids::bigint[], @user_ids::bigint[], @author_ids::bigint[], @liked::boolean[], @times::bigint[],
		@event_shards::smallint[], @event_topics::text[], @event_keys::bigint[], @event_payloads::bytea[], @event_traces::text[])
		AS i (video_id, user_id, author_id, liked, created_at, shard, topic, key, payload, traceparent)
), refused AS MATERIALIZED (
	SELECT video_id FROM deleted_video WHERE video_id = ANY(@video_ids)
), came AS (
	INSERT INTO video_like (user_id, video_id, author_id, created_at)
	SELECT user_id, video_id, author_id, created_at FROM input
	WHERE liked AND video_id NOT IN (SELECT video_id FROM refused)
	ORDER BY video_id, user_id
	ON CONFLICT DO NOTHING
	RETURNING user_id, video_id
), held AS MATERIALIZED (
	SELECT l.user_id, l.video_id FROM video_like l JOIN input i USING (user_id, video_id)
	WHERE NOT i.liked AND l.video_id NOT IN (SELECT video_id FROM refused) AND (SELECT count(*) FROM came) >= 0
	ORDER BY l.video_id, l.user_id
	FOR UPDATE OF l
), went AS (
	DELETE FROM video_like l USING held
	WHERE l.user_id = held.user_id AND l.video_id = held.video_id
	RETURNING l.user_id, l.video_id
), announced AS (
	INSERT INTO outbox (shard, topic, key, payload, traceparent)
	SELECT i.shard, i.topic, i.key, i.payload, i.traceparent FROM input i
	JOIN (SELECT * FROM came UNION ALL SELECT * FROM went) AS changed USING (user_id, video_id)
)
SELECT video_id FROM refused`

// toggleLikes sets and clears likes, and answers for each whether its video was
// still there. No two may be of one pair.
func (s *store) toggleLikes(ctx context.Context, toggles []toggle) (exists []bool, err error) {
	err = s.db.Write(ctx, func(conn *pgxpool.Conn) error {
		exists, err = writeLikes(ctx, conn, s.gateClass, toggles)
		return err
	})
	return exists, err
}

func writeLikes(ctx context.Context, to batchSender, gateClass int32, toggles []toggle) ([]bool, error) {
	n := len(toggles)
	videos, users, authors, times := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	liked, events := make([]bool, n), make([]outbox.Event, n)
	for i, t := range toggles {
		videos[i], users[i], authors[i], liked[i], times[i] = t.videoID, t.userID, t.authorID, t.liked, t.at
		events[i] = t.event()
	}
	rows, err := outbox.Encode(ctx, events)
	if err != nil {
		return nil, err
	}
	args := rows.Args()
	args["video_ids"], args["user_ids"], args["author_ids"], args["liked"], args["times"] = videos, users, authors, liked, times
	exists, err := write(ctx, to, gateClass, videos, toggleSQL, args)
	if err != nil {
		return nil, fmt.Errorf("write likes: %w", err)
	}
	return exists, nil
}

// likePlace is a place in a user's list of likes.
type likePlace struct {
	VideoID   int64
	CreatedAt int64
}

// Uses video_like_newest. The inner SELECT hides how short the list is: cut from
// a long one it would look so cheap that it is planned each time.
const listLikesSQL = `SELECT video_id, created_at FROM video_like
WHERE user_id = @user_id AND (created_at, video_id) < (@time, @id)
ORDER BY created_at DESC, video_id DESC LIMIT (SELECT @limit::bigint)`

func (s *store) listLikes(ctx context.Context, userID int64, after *page.Cursor, limit int) ([]likePlace, error) {
	from := beginning(after)
	rows, err := s.db.RW().Query(ctx, listLikesSQL, pgx.NamedArgs{
		"user_id": userID, "time": from.Time, "id": from.ID, "limit": limit,
	})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[likePlace])
}

// Uses video_like_video. The rows of a video are taken in the order likes are.
const clearLikesSQL = `WITH held AS MATERIALIZED (
	SELECT user_id, video_id FROM video_like WHERE video_id = @video_id ORDER BY user_id LIMIT @limit FOR UPDATE
)
DELETE FROM video_like l USING held
WHERE l.user_id = held.user_id AND l.video_id = held.video_id
RETURNING l.user_id, l.video_id, l.author_id`

const hasLikesSQL = `SELECT EXISTS (SELECT FROM video_like WHERE video_id = @video_id)`

// clearLikes deletes up to limit likes of a video, with their events, and
// reports whether there are more.
func (s *store) clearLikes(ctx context.Context, videoID int64, limit int) (more bool, err error) {
	return s.clear(ctx, hasLikesSQL, videoID, func(tx pgx.Tx) ([]outbox.Event, error) {
		rows, err := tx.Query(ctx, clearLikesSQL, pgx.NamedArgs{"video_id": videoID, "limit": limit})
		if err != nil {
			return nil, err
		}
		gone, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (toggle, error) {
			var t toggle
			return t, row.Scan(&t.userID, &t.videoID, &t.authorID)
		})
		if err != nil {
			return nil, err
		}
		return eventsOf(gone, toggle.event), nil
	})
}

// clear deletes and announces in one transaction. Whether there is more is
// asked and not concluded from a short batch: somebody else may have deleted
// the rows of this one meanwhile.
func (s *store) clear(ctx context.Context, hasMoreSQL string, videoID int64, remove func(pgx.Tx) ([]outbox.Event, error)) (more bool, err error) {
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		events, err := remove(tx)
		if err != nil {
			return err
		}
		if err := outbox.Append(ctx, tx, events...); err != nil {
			return err
		}
		return tx.QueryRow(ctx, hasMoreSQL, pgx.NamedArgs{"video_id": videoID}).Scan(&more)
	})
	return more, err
}

func eventsOf[T any](changes []T, event func(T) outbox.Event) []outbox.Event {
	events := make([]outbox.Event, 0, len(changes))
	for _, c := range changes {
		events = append(events, event(c))
	}
	return events
}

// beginning returns the place before all others when there is no cursor.
func beginning(after *page.Cursor) page.Cursor {
	if after != nil {
		return *after
	}
	return page.Cursor{Time: 1<<63 - 1, ID: 1<<63 - 1}
}
