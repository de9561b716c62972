package counter

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// The rows come sorted: see the package's documentation on locks.
const addVideoCountsSQL = `INSERT INTO video_count AS c (video_id, favorites, comments, views, version, view_updates)
SELECT video_id, favorites, comments, views, version, view_updates
FROM unnest(@ids::bigint[], @favorites::bigint[], @comments::bigint[], @views::bigint[], @version::bigint[], @view_updates::bigint[])
	AS d (video_id, favorites, comments, views, version, view_updates)
ORDER BY video_id
ON CONFLICT (video_id) DO UPDATE SET
	favorites = c.favorites + excluded.favorites,
	comments = c.comments + excluded.comments,
	views = c.views + excluded.views,
	version = c.version + excluded.version,
	view_updates = c.view_updates + excluded.view_updates
RETURNING ` + videoColumns

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
RETURNING ` + userColumns

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
	if args := asColumns(d.videos, videoCount.added); args != nil {
		batch.Queue(addVideoCountsSQL, args).Query(func(rows pgx.Rows) (err error) {
			now.videos, err = pgx.CollectRows(rows, pgx.RowToStructByName[videoCount])
			return err
		})
	}
	if args := asColumns(d.users, userCount.sums); args != nil {
		batch.Queue(addUserCountsSQL, args).Query(func(rows pgx.Rows) (err error) {
			now.users, err = pgx.CollectRows(rows, pgx.RowToStructByName[userCount])
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

// added returns what a delta adds to its row: its counts, and one to the version
// of those that events were about.
func (c videoCount) added() []sum {
	return append(c.sums(), sum{"version", c.Version}, sum{"view_updates", c.ViewUpdates})
}

// asColumns returns the deltas as arguments, ids and one for each column, sorted by
// id; nil when there are none.
func asColumns[R any](deltas map[int64]*R, columnsOf func(R) []sum) pgx.NamedArgs {
	if len(deltas) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(deltas))
	columns := map[string][]int64{}
	for _, id := range ids {
		for _, s := range columnsOf(*deltas[id]) {
			columns[s.column] = append(columns[s.column], s.value)
		}
	}
	args := pgx.NamedArgs{"ids": ids}
	for name, values := range columns {
		args[name] = values
	}
	return args
}
