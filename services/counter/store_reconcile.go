package counter

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const videosAfterSQL = `SELECT ` + videoColumns + ` FROM video_count
WHERE video_id > @after ORDER BY video_id LIMIT @limit`

const usersAfterSQL = `SELECT ` + userColumns + ` FROM user_count
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

// Version 0 stands for a row that was not there, or that has views alone. One row a statement: it waits
// for nobody while it holds another.
const setVideoCountSQL = `INSERT INTO video_count AS c (video_id, favorites, comments, version)
VALUES (@id, @favorites, @comments, 1)
ON CONFLICT (video_id) DO UPDATE SET
	favorites = excluded.favorites, comments = excluded.comments, version = c.version + 1
WHERE c.version = @version`

const setUserCountSQL = `INSERT INTO user_count AS c (user_id, following, followers, favorited, works, favorites, version)
VALUES (@id, @following, @followers, @favorited, @works, @favorites, 1)
ON CONFLICT (user_id) DO UPDATE SET
	following = excluded.following, followers = excluded.followers, favorited = excluded.favorited,
	works = excluded.works, favorites = excluded.favorites, version = c.version + 1
WHERE c.version = @version`

// set writes counts where the row still has their version; false where it has not.
func set[R count[R]](ctx context.Context, s store, sql string, c R) (bool, error) {
	args := pgx.NamedArgs{"id": c.key(), "version": c.version()}
	for _, s := range c.sums() {
		args[s.column] = s.value
	}
	tag, err := s.db.RW().Exec(ctx, sql, args)
	if err != nil {
		return false, fmt.Errorf("repair count: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}
