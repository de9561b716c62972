package growth

import (
	"context"
	"fmt"
	"time"
)

// Ids of what is put in: far below those the platform makes.
const (
	firstUser    = 10_000_000
	firstVideo   = 100_000_000
	firstComment = 200_000_000
	// authors share the videos.
	authors = 1000
)

const usersSQL = `INSERT INTO "user".account (id, name, password_hash, created_at)
SELECT $1::bigint + i, 'grown ' || i, '-', now() FROM generate_series($2::bigint, $3::bigint - 1) i ON CONFLICT DO NOTHING`

// fillUsers makes users [from, to).
func (l *Lab) fillUsers(ctx context.Context, from, to int64) error {
	return l.exec(ctx, "users", usersSQL, firstUser, from, to)
}

// The ith video is i seconds older than the first, so that first pages stay as they are.
const videosSQL = `INSERT INTO video.video
	(id, author_id, title, media_key, cover_key, published_at_ms, duration_ms, width, height, size_bytes, sha256, state, version)
SELECT $1::bigint - i, $2::bigint + i % $3::bigint, 'video ' || i, 'video/' || i || '.mp4', 'cover/' || i || '.jpg',
	$4::bigint - i * 1000, 1000, 64, 64, 31000, '\x00', 1, 1
FROM generate_series($5::bigint, $6::bigint - 1) i`

const videoCountsSQL = `INSERT INTO counter.video_count (video_id, favorites, comments, version)
SELECT $1::bigint - i, 0, 0, 1 FROM generate_series($2::bigint, $3::bigint - 1) i`

const worksSQL = `INSERT INTO counter.user_count (user_id, following, followers, favorited, works, favorites, version)
SELECT $1::bigint + i, 0, 0, 0, $3::bigint / $2::bigint, 0, 1 FROM generate_series(0, $2::bigint - 1) i
ON CONFLICT (user_id) DO UPDATE SET works = excluded.works, version = user_count.version + 1`

func (l *Lab) fillVideos(newest time.Time) func(ctx context.Context, from, to int64) error {
	return func(ctx context.Context, from, to int64) error {
		if err := l.exec(ctx, "videos", videosSQL, firstVideo, firstUser, authors, newest.UnixMilli(), from, to); err != nil {
			return err
		}
		if err := l.exec(ctx, "counts of videos", videoCountsSQL, firstVideo, from, to); err != nil {
			return err
		}
		return l.exec(ctx, "counts of authors", worksSQL, firstUser, authors, to)
	}
}

const followingSQL = `INSERT INTO relation.following (follower_id, followee_id, created_at)
SELECT $1::bigint + i, $2::bigint, $3::bigint + i FROM generate_series($4::bigint, $5::bigint - 1) i`

const followerSQL = `INSERT INTO relation.follower (follower_id, followee_id, created_at)
SELECT $1::bigint + i, $2::bigint, $3::bigint + i FROM generate_series($4::bigint, $5::bigint - 1) i`

const followersSQL = `INSERT INTO counter.user_count (user_id, following, followers, favorited, works, favorites, version)
VALUES ($1, 0, $2, 0, 0, 0, 1) ON CONFLICT (user_id) DO UPDATE SET followers = user_count.followers + $2, version = user_count.version + 1`

// fillFollowers lets users [from, to) follow an author.
func (l *Lab) fillFollowers(author int64) func(ctx context.Context, from, to int64) error {
	return func(ctx context.Context, from, to int64) error {
		if err := l.fillUsers(ctx, from, to); err != nil {
			return err
		}
		when := time.Now().Add(-24 * time.Hour).UnixMicro()
		for _, sql := range []string{followingSQL, followerSQL} {
			if err := l.exec(ctx, "follows", sql, firstUser, author, when, from, to); err != nil {
				return err
			}
		}
		return l.exec(ctx, "counts of followers", followersSQL, author, to-from)
	}
}

const commentsSQL = `INSERT INTO interaction.comment (video_id, id, user_id, author_id, text, created_at_ms)
SELECT $1::bigint, $2::bigint + i, $3::bigint + i % $4::bigint, $5::bigint, 'comment ' || i, $6::bigint + i FROM generate_series($7::bigint, $8::bigint - 1) i`

const commentCountSQL = `INSERT INTO counter.video_count (video_id, favorites, comments, version)
VALUES ($1, 0, $2, 1) ON CONFLICT (video_id) DO UPDATE SET comments = video_count.comments + $2, version = video_count.version + 1`

func (l *Lab) fillComments(video, author int64) func(ctx context.Context, from, to int64) error {
	return func(ctx context.Context, from, to int64) error {
		when := time.Now().Add(-24 * time.Hour).UnixMilli()
		if err := l.exec(ctx, "comments", commentsSQL, video, firstComment, firstUser, authors, author, when, from, to); err != nil {
			return err
		}
		return l.exec(ctx, "count of comments", commentCountSQL, video, to-from)
	}
}

const likesSQL = `INSERT INTO interaction.video_like (user_id, video_id, author_id, created_at)
SELECT $1::bigint + i, $2::bigint, $3::bigint, $4::bigint + i FROM generate_series($5::bigint, $6::bigint - 1) i`

const likeCountSQL = `INSERT INTO counter.video_count (video_id, favorites, comments, version)
VALUES ($1, $2, 0, 1) ON CONFLICT (video_id) DO UPDATE SET favorites = video_count.favorites + $2, version = video_count.version + 1`

func (l *Lab) fillLikes(video, author int64) func(ctx context.Context, from, to int64) error {
	return func(ctx context.Context, from, to int64) error {
		when := time.Now().Add(-24 * time.Hour).UnixMicro()
		if err := l.exec(ctx, "likes", likesSQL, firstUser, video, author, when, from, to); err != nil {
			return err
		}
		return l.exec(ctx, "count of likes", likeCountSQL, video, to-from)
	}
}

// exec runs a statement that puts rows in.
func (l *Lab) exec(ctx context.Context, what, sql string, args ...any) error {
	if _, err := l.sql.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("put in %s: %w", what, err)
	}
	return nil
}
