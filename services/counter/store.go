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

// videoCount is a row of video_count.
type videoCount struct {
	VideoID, Favorites, Comments, Version int64
}

func (c videoCount) proto() *counterv1.VideoCounts {
	return &counterv1.VideoCounts{VideoId: c.VideoID, FavoriteCount: c.Favorites, CommentCount: c.Comments, Version: c.Version}
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

const videoCountsSQL = `SELECT video_id, favorites, comments, version FROM video_count WHERE video_id = ANY(@ids)`

// videoCounts returns the counts of those videos that have a row.
func (s store) videoCounts(ctx context.Context, ids []int64) (map[int64]*counterv1.VideoCounts, error) {
	return readCounts(ctx, s.db, videoCountsSQL, ids, videoCount.proto, (*counterv1.VideoCounts).GetVideoId)
}

const userCountsSQL = `SELECT user_id, following, followers, favorited, works, favorites, version
FROM user_count WHERE user_id = ANY(@ids)`

// userCounts returns the counts of those users who have a row.
func (s store) userCounts(ctx context.Context, ids []int64) (map[int64]*counterv1.UserCounts, error) {
	return readCounts(ctx, s.db, userCountsSQL, ids, userCount.proto, (*counterv1.UserCounts).GetUserId)
}

func readCounts[R, P any](ctx context.Context, db *pg.DB, sql string, ids []int64, proto func(R) P, key func(P) int64) (map[int64]P, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := db.RW().Query(ctx, sql, pgx.NamedArgs{"ids": ids})
	if err != nil {
		return nil, err
	}
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByName[R])
	if err != nil {
		return nil, err
	}
	byID := make(map[int64]P, len(counts))
	for _, c := range counts {
		p := proto(c)
		byID[key(p)] = p
	}
	return byID, nil
}
