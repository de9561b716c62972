package interaction

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/outbox"
)

// comment is a row. AuthorID is the video's author, who may delete it too.
type comment struct {
	VideoID, ID, UserID, AuthorID int64
	Text                          string
	CreatedAtMs                   int64
}

func (c comment) proto() *interactionv1.Comment {
	return &interactionv1.Comment{Id: c.ID, VideoId: c.VideoID, UserId: c.UserID, Text: c.Text, CreatedAtMs: c.CreatedAtMs}
}

func (c comment) event(present bool) outbox.Event {
	return outbox.Event{Key: c.VideoID, Message: &interactionv1.CommentChanged{
		CommentId: c.ID, VideoId: c.VideoID, UserId: c.UserID, Present: present,
	}}
}

const addCommentsSQL = `WITH input AS (
	SELECT * FROM unnest(@video_ids::bigint[], @ids::bigint[], @user_ids::bigint[], @author_ids::bigint[], @texts::text[], @times::bigint[],
		@event_shards::smallint[], @event_topics::text[], @event_keys::bigint[], @event_payloads::bytea[], @event_traces::text[])
		AS i (video_id, id, user_id, author_id, body, created_at_ms, shard, topic, key, payload, traceparent)
), refused AS MATERIALIZED (
	SELECT video_id FROM deleted_video WHERE video_id = ANY(@video_ids)
), changed AS (
	INSERT INTO comment (video_id, id, user_id, author_id, text, created_at_ms)
	SELECT video_id, id, user_id, author_id, body, created_at_ms FROM input
	WHERE video_id NOT IN (SELECT video_id FROM refused)
	RETURNING video_id, id
), announced AS (
	INSERT INTO outbox (shard, topic, key, payload, traceparent)
	SELECT i.shard, i.topic, i.key, i.payload, i.traceparent FROM input i JOIN changed USING (video_id, id)
)
SELECT video_id FROM refused`

// addComments inserts comments and answers for each whether its video was still there.
func (s *store) addComments(ctx context.Context, comments []comment) (exists []bool, err error) {
	err = s.db.Write(ctx, func(conn *pgxpool.Conn) error {
		exists, err = writeComments(ctx, conn, s.gateClass, comments)
		return err
	})
	return exists, err
}

func writeComments(ctx context.Context, to batchSender, gateClass int32, comments []comment) ([]bool, error) {
	n := len(comments)
	videos, ids, users := make([]int64, n), make([]int64, n), make([]int64, n)
	authors, texts, times := make([]int64, n), make([]string, n), make([]int64, n)
	for i, c := range comments {
		videos[i], ids[i], users[i], authors[i], texts[i], times[i] = c.VideoID, c.ID, c.UserID, c.AuthorID, c.Text, c.CreatedAtMs
	}
	rows, err := outbox.Encode(ctx, eventsOf(comments, func(c comment) outbox.Event { return c.event(true) }))
	if err != nil {
		return nil, err
	}
	args := rows.Args()
	args["video_ids"], args["ids"], args["user_ids"] = videos, ids, users
	args["author_ids"], args["texts"], args["times"] = authors, texts, times
	exists, err := write(ctx, to, gateClass, videos, addCommentsSQL, args)
	if err != nil {
		return nil, fmt.Errorf("write comments: %w", err)
	}
	return exists, nil
}

const commentForUpdateSQL = `SELECT video_id, id, user_id, author_id, text, created_at_ms
FROM comment WHERE video_id = @video_id AND id = @id FOR UPDATE`

const deleteCommentSQL = `DELETE FROM comment WHERE video_id = @video_id AND id = @id`

// deleteComment deletes a comment that userID may delete.
func deleteComment(ctx context.Context, tx pgx.Tx, videoID, commentID, userID int64) error {
	args := pgx.NamedArgs{"video_id": videoID, "id": commentID}
	rows, err := tx.Query(ctx, commentForUpdateSQL, args)
	if err != nil {
		return err
	}
	c, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[comment])
	if errors.Is(err, pgx.ErrNoRows) {
		return noSuchComment()
	}
	if err != nil {
		return err
	}
	if userID != c.UserID && userID != c.AuthorID {
		return fault.Forbidden("only its author and the video's author may delete a comment")
	}
	if _, err := tx.Exec(ctx, deleteCommentSQL, args); err != nil {
		return err
	}
	return outbox.Append(ctx, tx, c.event(false))
}

// listing asks for the newest comments of a video with an id below one.
type listing struct {
	videoID, before int64
	most            int
}

// Uses the primary key, backwards. The inner SELECT hides how many lists there
// are: otherwise few look so cheap that they are planned each time.
const listCommentsSQL = `SELECT ARRAY(
	SELECT id FROM comment WHERE video_id = asked.video_id AND id < asked.before ORDER BY id DESC LIMIT asked.most
) FROM unnest((SELECT @video_ids::bigint[]), @befores::bigint[], @mosts::bigint[])
	WITH ORDINALITY AS asked (video_id, before, most, place) ORDER BY place`

// listComments answers the ids of the comments of several lists, each read once
// for all who ask for it. It reads the primary: users see their own comments at
// once.
func (s *store) listComments(ctx context.Context, asked []listing) ([][]int64, error) {
	places := make(map[listing]int, len(asked))
	var videos, befores, mosts []int64
	for _, l := range asked {
		if _, twice := places[l]; !twice {
			places[l] = len(videos)
			videos, befores, mosts = append(videos, l.videoID), append(befores, l.before), append(mosts, int64(l.most))
		}
	}
	rows, err := s.db.RW().Query(ctx, listCommentsSQL, pgx.NamedArgs{"video_ids": videos, "befores": befores, "mosts": mosts})
	if err != nil {
		return nil, err
	}
	lists, err := pgx.CollectRows(rows, pgx.RowTo[[]int64])
	if err != nil {
		return nil, err
	}
	if len(lists) != len(places) {
		return nil, fmt.Errorf("%d of %d lists read", len(lists), len(places))
	}
	answers := make([][]int64, len(asked))
	for i, l := range asked {
		answers[i] = lists[places[l]]
	}
	return answers, nil
}

// Uses the primary key, once for each comment.
const commentsSQL = `SELECT c.video_id, c.id, c.user_id, c.author_id, c.text, c.created_at_ms
FROM unnest(@ids::bigint[]) AS asked (id) JOIN comment c ON c.video_id = @video_id AND c.id = asked.id`

// readComments returns those comments of a video that exist.
func (s *store) readComments(ctx context.Context, videoID int64, ids []int64) ([]comment, error) {
	rows, err := s.db.RW().Query(ctx, commentsSQL, pgx.NamedArgs{"video_id": videoID, "ids": ids})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[comment])
}

const clearCommentsSQL = `WITH held AS MATERIALIZED (
	SELECT video_id, id FROM comment WHERE video_id = @video_id ORDER BY id LIMIT @limit FOR UPDATE
)
DELETE FROM comment c USING held
WHERE c.video_id = held.video_id AND c.id = held.id
RETURNING c.video_id, c.id, c.user_id, c.author_id, c.text, c.created_at_ms`

const hasCommentsSQL = `SELECT EXISTS (SELECT FROM comment WHERE video_id = @video_id)`

// clearComments deletes up to limit comments of a video, with their events, and
// reports whether there are more.
func (s *store) clearComments(ctx context.Context, videoID int64, limit int) (more bool, err error) {
	return s.clear(ctx, hasCommentsSQL, videoID, func(tx pgx.Tx) ([]outbox.Event, error) {
		rows, err := tx.Query(ctx, clearCommentsSQL, pgx.NamedArgs{"video_id": videoID, "limit": limit})
		if err != nil {
			return nil, err
		}
		gone, err := pgx.CollectRows(rows, pgx.RowToStructByName[comment])
		if err != nil {
			return nil, err
		}
		return eventsOf(gone, func(c comment) outbox.Event { return c.event(false) }), nil
	})
}
