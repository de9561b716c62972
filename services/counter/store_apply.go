package counter

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// The rows come sorted: see the package's documentation on locks.
const addVideoCountsSQL = `INSERT INTO video_count AS c (video_id, favorites, comments, version)
SELECT video_id, favorites, comments, 1
FROM unnest(@ids::bigint[], @favorites::bigint[], @comments::bigint[]) AS d (video_id, favorites, comments)
ORDER BY video_id
ON CONFLICT (video_id) DO UPDATE SET
	favorites = c.favorites + excluded.favorites,
	comments = c.comments + excluded.comments,
	version = c.version + 1
RETURNING video_id, favorites, comments, version`

// The rows come sorted, as above.
const addUserCountsSQL = `INSERT INTO user_count AS c (user_id, following, followers, favorited, works, favorites, version)
SELECT user_id, following, followers, favorited, works, favorites, 1
FROM unnest(@ids::bigint[], @following::bigint[], @followers::bigint[], @favorited::bigint[], @works::bigint[], @favorites::bigint[])
	AS d (user_id, following, followers, favorited, works, favorites)
ORDER BY user_id
ON CONFLICT (user_id) DO UPDATE SET
	following = c.following + excluded.following,
	followers = c.followers + excluded.followers,
	favorited = c.favorited + excluded.favorited,
	works = c.works + excluded.works,
	favorites = c.favorites + excluded.favorites,
	version = c.version + 1
RETURNING user_id, following, followers, favorited, works, favorites, version`

// written are rows as a transaction leaves them.
type written struct {
	videos []videoCount
	users  []userCount
}

// apply adds the deltas to their rows and returns these. A row whose deltas sum up to nothing gets
// a new version all the same: the reconciler concludes from an old one that no
// event arrived.
func (d *deltas) apply(ctx context.Context, tx pgx.Tx) (now written, err error) {
	batch := &pgx.Batch{}
	if args := videoArgs(d.videos); args != nil {
		batch.Queue(addVideoCountsSQL, args).Query(func(rows pgx.Rows) (err error) {
			now.videos, err = scanVideoCounts(rows)
			return err
		})
	}
	if args := userArgs(d.users); args != nil {
		batch.Queue(addUserCountsSQL, args).Query(func(rows pgx.Rows) (err error) {
			now.users, err = scanUserCounts(rows)
			return err
		})
	}
	if batch.Len() == 0 {
		return written{}, nil
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return written{}, fmt.Errorf("add counts: %w", err)
	}
	return now, nil
}

// videoArgs returns the deltas as columns, or nil when there are none.
func videoArgs(videos map[int64]*videoCount) pgx.NamedArgs {
	var ids, favorites, comments []int64
	for _, id := range slices.Sorted(maps.Keys(videos)) {
		c := *videos[id]
		ids, favorites, comments = append(ids, id), append(favorites, c.Favorites), append(comments, c.Comments)
	}
	if len(ids) == 0 {
		return nil
	}
	return pgx.NamedArgs{"ids": ids, "favorites": favorites, "comments": comments}
}

// userArgs is videoArgs for users.
func userArgs(users map[int64]*userCount) pgx.NamedArgs {
	var ids, following, followers, favorited, works, favorites []int64
	for _, id := range slices.Sorted(maps.Keys(users)) {
		c := *users[id]
		ids = append(ids, id)
		following, followers = append(following, c.Following), append(followers, c.Followers)
		favorited, works, favorites = append(favorited, c.Favorited), append(works, c.Works), append(favorites, c.Favorites)
	}
	if len(ids) == 0 {
		return nil
	}
	return pgx.NamedArgs{
		"ids": ids, "following": following, "followers": followers,
		"favorited": favorited, "works": works, "favorites": favorites,
	}
}
