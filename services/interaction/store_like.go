package interaction

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/page"
)

// toggle sets or clears one like.
type toggle struct {
	userID, videoID, authorID int64
	// at is when, in Unix microseconds.
	at int64
}

// pair is what a toggle is about: two of one pair never share a statement.
func (t toggle) pair() any { return [2]int64{t.userID, t.videoID} }

func (t toggle) event(liked bool) outbox.Event {
	return outbox.Event{Key: t.videoID, Message: &interactionv1.LikeChanged{
		UserId: t.userID, VideoId: t.videoID, AuthorId: t.authorID, Liked: liked,
	}}
}

// The rows are inserted in one order by everyone, against deadlocks. An outbox
// row gets its id after its like was inserted, so after whoever held the pair
// before has committed: the events of a pair are in the order of its changes.
const likeSQL = `WITH input AS (
	SELECT * FROM unnest(@video_ids::bigint[], @user_ids::bigint[], @author_ids::bigint[], @times::bigint[],
		@event_shards::smallint[], @event_topics::text[], @event_keys::bigint[], @event_payloads::bytea[], @event_traces::text[])
		AS i (video_id, user_id, author_id, created_at, shard, topic, key, payload, traceparent)
), refused AS MATERIALIZED (
	SELECT video_id FROM deleted_video WHERE video_id = ANY(@video_ids)
), changed AS (
	INSERT INTO video_like (user_id, video_id, author_id, created_at)
	SELECT user_id, video_id, author_id, created_at FROM input
	WHERE video_id NOT IN (SELECT video_id FROM refused)
	ORDER BY video_id, user_id
	ON CONFLICT DO NOTHING
	RETURNING user_id, video_id
), announced AS (
	INSERT INTO outbox (shard, topic, key, payload, traceparent)
	SELECT i.shard, i.topic, i.key, i.payload, i.traceparent FROM input i JOIN changed USING (user_id, video_id)
)
SELECT video_id FROM refused`

// like sets likes and answers for each whether its video was still there.
func (s *store) like(ctx context.Context, toggles []toggle) ([]bool, error) {
	return s.toggleLikes(ctx, likeSQL, toggles, true)
}

// The rows are locked in order before they are deleted: the order of a DELETE
// is the planner's.
const unlikeSQL = `WITH input AS (
	SELECT * FROM unnest(@video_ids::bigint[], @user_ids::bigint[],
		@event_shards::smallint[], @event_topics::text[], @event_keys::bigint[], @event_payloads::bytea[], @event_traces::text[])
		AS i (video_id, user_id, shard, topic, key, payload, traceparent)
), refused AS MATERIALIZED (
	SELECT video_id FROM deleted_video WHERE video_id = ANY(@video_ids)
), held AS MATERIALIZED (
	SELECT l.user_id, l.video_id FROM video_like l JOIN input USING (user_id, video_id)
	WHERE l.video_id NOT IN (SELECT video_id FROM refused)
	ORDER BY l.video_id, l.user_id
	FOR UPDATE OF l
), changed AS (
	DELETE FROM video_like l USING held
	WHERE l.user_id = held.user_id AND l.video_id = held.video_id
	RETURNING l.user_id, l.video_id
), announced AS (
	INSERT INTO outbox (shard, topic, key, payload, traceparent)
	SELECT i.shard, i.topic, i.key, i.payload, i.traceparent FROM input i JOIN changed USING (user_id, video_id)
)
SELECT video_id FROM refused`

// unlike clears likes and answers for each whether its video was still there.
func (s *store) unlike(ctx context.Context, toggles []toggle) ([]bool, error) {
	return s.toggleLikes(ctx, unlikeSQL, toggles, false)
}

func (s *store) toggleLikes(ctx context.Context, sql string, toggles []toggle, liked bool) ([]bool, error) {
	n := len(toggles)
	videos, users, authors, times := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	events := make([]outbox.Event, n)
	for i, t := range toggles {
		videos[i], users[i], authors[i], times[i] = t.videoID, t.userID, t.authorID, t.at
		events[i] = t.event(liked)
	}
	rows, err := outbox.Encode(ctx, events)
	if err != nil {
		return nil, err
	}
	args := rows.Args()
	args["video_ids"], args["user_ids"], args["author_ids"], args["times"] = videos, users, authors, times
	exists, err := write(ctx, s.db.RW(), s.gateClass, videos, sql, args)
	if err != nil {
		return nil, fmt.Errorf("write likes: %w", err)
	}
	return exists, nil
}

// check asks which of some videos a user likes.
type check struct {
	userID   int64
	videoIDs []int64
}

// Uses the primary key, once for each pair.
const likedAmongSQL = `SELECT asked.place, l.video_id
FROM unnest(@places::int[], @user_ids::bigint[], @video_ids::bigint[]) AS asked (place, user_id, video_id)
JOIN video_like l ON l.user_id = asked.user_id AND l.video_id = asked.video_id`

// likedAmong answers several checks at once. It reads the primary: users see
// their own likes at once.
func (s *store) likedAmong(ctx context.Context, checks []check) ([][]int64, error) {
	var places []int32
	var users, videos []int64
	for place, c := range checks {
		for _, v := range distinct(slices.Clone(c.videoIDs)) {
			places, users, videos = append(places, int32(place)), append(users, c.userID), append(videos, v)
		}
	}
	rows, err := s.db.RW().Query(ctx, likedAmongSQL, pgx.NamedArgs{"places": places, "user_ids": users, "video_ids": videos})
	if err != nil {
		return nil, err
	}
	liked := make([][]int64, len(checks))
	var place int32
	var video int64
	_, err = pgx.ForEachRow(rows, []any{&place, &video}, func() error {
		liked[place] = append(liked[place], video)
		return nil
	})
	return liked, err
}

// likePlace is a place in a user's list of likes.
type likePlace struct {
	VideoID   int64
	CreatedAt int64
}

// Uses video_like_newest.
const listLikesSQL = `SELECT video_id, created_at FROM video_like
WHERE user_id = @user_id AND (created_at, video_id) < (@time, @id)
ORDER BY created_at DESC, video_id DESC LIMIT @limit`

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
		return eventsOf(gone, func(t toggle) outbox.Event { return t.event(false) }), nil
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
