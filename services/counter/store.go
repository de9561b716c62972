package counter

import (
	"context"

	"github.com/jackc/pgx/v5"

	counterv1 "douyin.dev/gen/douyin/counter/v1"
	"douyin.dev/services/platform/pg"
)

// store reads counts. It reads the primary: what it finds goes into the cache,
// and what a replica had missed would stay there. It is safe for concurrent use.
type store struct{ db *pg.DB }

// The columns of the two tables, as every statement reads them.
const (
	videoColumns = `video_id, favorites, comments, views, version, view_updates`
	userColumns  = `user_id, following, followers, favorited, works, favorites, version`
)

// videoCount is a row of video_count.
type videoCount struct {
	VideoID, Favorites, Comments, Views int64
	// Version grows with every change of favorites or comments, which the reconciler
	// counts, and ViewUpdates with every change of views.
	Version, ViewUpdates int64
}

func (c videoCount) proto() *counterv1.VideoCounts {
	return &counterv1.VideoCounts{VideoId: c.VideoID, FavoriteCount: c.Favorites, CommentCount: c.Comments, ViewCount: c.Views, Version: c.Version + c.ViewUpdates}
}

// userCount is a row of user_count.
type userCount struct {
	UserID, Following, Followers, Favorited, Works, Favorites, Version int64
}

func (c userCount) proto() *counterv1.UserCounts {
	return &counterv1.UserCounts{
		UserId: c.UserID, FollowCount: c.Following, FollowerCount: c.Followers, TotalFavorited: c.Favorited,
		WorkCount: c.Works, FavoriteCount: c.Favorites, Version: c.Version,
	}
}

const videoCountsSQL = `SELECT ` + videoColumns + ` FROM video_count WHERE video_id = ANY(@ids)`

// videoCounts returns the counts of those videos that have a row.
func (s store) videoCounts(ctx context.Context, ids []int64) (map[int64]*counterv1.VideoCounts, error) {
	rows, err := readCounts[videoCount](ctx, s.db, videoCountsSQL, ids)
	return protosOf(rows, videoCount.proto), err
}

const userCountsSQL = `SELECT ` + userColumns + ` FROM user_count WHERE user_id = ANY(@ids)`

// userCounts returns the counts of those users who have a row.
func (s store) userCounts(ctx context.Context, ids []int64) (map[int64]*counterv1.UserCounts, error) {
	rows, err := readCounts[userCount](ctx, s.db, userCountsSQL, ids)
	return protosOf(rows, userCount.proto), err
}

func readCounts[R any](ctx context.Context, db *pg.DB, sql string, ids []int64) ([]R, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := db.RW().Query(ctx, sql, pgx.NamedArgs{"ids": ids})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[R])
}

// protosOf returns rows as messages, by id.
func protosOf[R count[R], P any](rows []R, proto func(R) P) map[int64]P {
	byID := make(map[int64]P, len(rows))
	for _, r := range rows {
		byID[r.key()] = proto(r)
	}
	return byID
}
