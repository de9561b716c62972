package counter

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const videosAfterSQL = `SELECT video_id, favorites, comments, version FROM video_count
WHERE video_id > @after ORDER BY video_id LIMIT @limit`

const usersAfterSQL = `SELECT user_id, following, followers, favorited, works, favorites, version FROM user_count
WHERE user_id > @after ORDER BY user_id LIMIT @limit`

// after returns up to limit rows in the order of ids.
func after[R any](ctx context.Context, s store, sql string, id int64, limit int) ([]R, error) {
	rows, err := s.db.RW().Query(ctx, sql, pgx.NamedArgs{"after": id, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("read counts: %w", err)
	}
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByName[R])
	if err != nil {
		return nil, fmt.Errorf("read counts: %w", err)
	}
	return counts, nil
}

// Version 0 stands for a row that was not there. One row a statement: it waits
// for nobody while it holds another.
const setVideoCountSQL = `INSERT INTO video_count AS c (video_id, favorites, comments, version)
VALUES (@id, @favorites, @comments, 1)
ON CONFLICT (video_id) DO UPDATE SET
	favorites = excluded.favorites, comments = excluded.comments, version = c.version + 1
WHERE c.version = @version`

// setVideo writes counts where the row still has their version; false where it has not.
func (s store) setVideo(ctx context.Context, c videoCount) (bool, error) {
	return s.set(ctx, setVideoCountSQL, pgx.NamedArgs{
		"id": c.VideoID, "version": c.Version, "favorites": c.Favorites, "comments": c.Comments,
	})
}

const setUserCountSQL = `INSERT INTO user_count AS c (user_id, following, followers, favorited, works, favorites, version)
VALUES (@id, @following, @followers, @favorited, @works, @favorites, 1)
ON CONFLICT (user_id) DO UPDATE SET
	following = excluded.following, followers = excluded.followers, favorited = excluded.favorited,
	works = excluded.works, favorites = excluded.favorites, version = c.version + 1
WHERE c.version = @version`

// setUser is setVideo for users.
func (s store) setUser(ctx context.Context, c userCount) (bool, error) {
	return s.set(ctx, setUserCountSQL, pgx.NamedArgs{
		"id": c.UserID, "version": c.Version, "following": c.Following, "followers": c.Followers,
		"favorited": c.Favorited, "works": c.Works, "favorites": c.Favorites,
	})
}

func (s store) set(ctx context.Context, sql string, args pgx.NamedArgs) (bool, error) {
	tag, err := s.db.RW().Exec(ctx, sql, args)
	if err != nil {
		return false, fmt.Errorf("repair count: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}
