package counter

import (
	"context"

	"github.com/jackc/pgx/v5"

	counterv1 "douyin.dev/gen/douyin/counter/v1"
	"douyin.dev/services/platform/pg"
)

// store reads counts. It is safe for concurrent use.
type store struct{ db *pg.DB }

// videoCount is a row of video_count.
type videoCount struct {
	VideoID, Favorites, Comments, Version int64
}

func (c videoCount) proto(id int64) *counterv1.VideoCounts {
	return &counterv1.VideoCounts{VideoId: id, FavoriteCount: c.Favorites, CommentCount: c.Comments, Version: c.Version}
}

// userCount is a row of user_count.
type userCount struct {
	UserID, Following, Followers, Favorited, Works, Favorites, Version int64
}

func (c userCount) proto(id int64) *counterv1.UserCounts {
	return &counterv1.UserCounts{
		UserId: id, FollowCount: c.Following, FollowerCount: c.Followers, TotalFavorited: c.Favorited,
		WorkCount: c.Works, FavoriteCount: c.Favorites, Version: c.Version,
	}
}

const videoCountsSQL = `SELECT video_id, favorites, comments, version FROM video_count WHERE video_id = ANY(@ids)`

// videoCounts may read a replica: counts follow the writes anyway.
func (s store) videoCounts(ctx context.Context, ids []int64) (map[int64]videoCount, error) {
	return readCounts(ctx, s.db, videoCountsSQL, ids, func(c videoCount) int64 { return c.VideoID })
}

const userCountsSQL = `SELECT user_id, following, followers, favorited, works, favorites, version
FROM user_count WHERE user_id = ANY(@ids)`

// userCounts may read a replica, as videoCounts.
func (s store) userCounts(ctx context.Context, ids []int64) (map[int64]userCount, error) {
	return readCounts(ctx, s.db, userCountsSQL, ids, func(c userCount) int64 { return c.UserID })
}

func readCounts[R any](ctx context.Context, db *pg.DB, sql string, ids []int64, key func(R) int64) (map[int64]R, error) {
	rows, err := db.RO().Query(ctx, sql, pgx.NamedArgs{"ids": ids})
	if err != nil {
		return nil, err
	}
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByName[R])
	if err != nil {
		return nil, err
	}
	byID := make(map[int64]R, len(counts))
	for _, c := range counts {
		byID[key(c)] = c
	}
	return byID, nil
}
