package relation

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"douyin.dev/services/platform/page"
	"douyin.dev/services/platform/pg"
)

// store is the service's tables. Every read is from the primary: a list shows
// its reader's own follow at once.
type store struct {
	db *pg.DB
}

// entry is a line of a list.
type entry struct {
	UserID    int64
	CreatedAt int64
}

// The inner SELECT of the lists hides how short they are: a list cut from a long
// one would look so cheap that it is planned each time, which costs more than it does.

// Uses following_recent.
const followingSQL = `SELECT followee_id AS user_id, created_at FROM following
WHERE follower_id = @user_id AND (created_at, followee_id) < (@time, @id)
ORDER BY created_at DESC, followee_id DESC LIMIT (SELECT @limit::bigint)`

// Uses follower_recent.
const followersSQL = `SELECT follower_id AS user_id, created_at FROM follower
WHERE followee_id = @user_id AND (created_at, follower_id) < (@time, @id)
ORDER BY created_at DESC, follower_id DESC LIMIT (SELECT @limit::bigint)`

// Uses following_recent and the primary key of follower; both sides have the
// user as distribution column.
const friendsSQL = `SELECT f.followee_id AS user_id, f.created_at FROM following f
JOIN follower back ON back.followee_id = f.follower_id AND back.follower_id = f.followee_id
WHERE f.follower_id = @user_id AND (f.created_at, f.followee_id) < (@time, @id)
ORDER BY f.created_at DESC, f.followee_id DESC LIMIT @limit`

// list returns at most limit lines of one of the lists above, after a place in it.
func (s store) list(ctx context.Context, query string, userID int64, after *page.Cursor, limit int) ([]entry, error) {
	if after == nil {
		after = &page.Cursor{Time: math.MaxInt64, ID: math.MaxInt64}
	}
	rows, err := s.db.RW().Query(ctx, query, pgx.NamedArgs{
		"user_id": userID, "time": after.Time, "id": after.ID, "limit": limit,
	})
	if err != nil {
		return nil, fmt.Errorf("list follows: %w", err)
	}
	entries, err := pgx.CollectRows(rows, pgx.RowToStructByName[entry])
	if err != nil {
		return nil, fmt.Errorf("list follows: %w", err)
	}
	return entries, nil
}
