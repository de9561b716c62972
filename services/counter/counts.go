package counter

import (
	"context"
	"fmt"

	"github.com/redis/rueidis"
	"golang.org/x/sync/errgroup"

	counterv1 "douyin.dev/gen/douyin/counter/v1"
	"douyin.dev/services/platform/cache"
	"douyin.dev/services/platform/pg"
)

// Counts reads counts through the cache: what the Service answers from and the
// Applier keeps fresh. It is safe for concurrent use.
type Counts struct {
	store  store
	videos *cache.Cache[int64, *counterv1.VideoCounts]
	users  *cache.Cache[int64, *counterv1.UserCounts]
}

// readerCopies is how many videos and how many users a process that answers
// reads keeps in memory, and writerCopies one that only writes them.
const (
	readerCopies = 50_000
	writerCopies = 100
)

// NewCounts returns the counts of db. At most copies videos and copies users are
// kept in memory. Without Redis they are read from Postgres. With it, Run must
// run beside them.
func NewCounts(db *pg.DB, redis rueidis.Client, copies int) (*Counts, error) {
	c := &Counts{store: store{db}}
	var err error
	c.videos, err = cache.New(cache.Options[int64, *counterv1.VideoCounts]{
		Name: db.Schema() + "-video", Redis: redis, Codec: cache.Proto[*counterv1.VideoCounts](),
		Version: (*counterv1.VideoCounts).GetVersion, Load: c.store.videoCounts, L1Size: copies,
	})
	if err != nil {
		return nil, err
	}
	c.users, err = cache.New(cache.Options[int64, *counterv1.UserCounts]{
		Name: db.Schema() + "-user", Redis: redis, Codec: cache.Proto[*counterv1.UserCounts](),
		Version: (*counterv1.UserCounts).GetVersion, Load: c.store.userCounts, L1Size: copies,
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Run follows what other processes change, until ctx ends.
func (c *Counts) Run(ctx context.Context) error {
	var loops errgroup.Group
	loops.Go(func() error { return c.videos.Run(ctx) })
	loops.Go(func() error { return c.users.Run(ctx) })
	return loops.Wait()
}

// refresh tells all readers the committed rows of some videos and users. The
// version decides between this and what others tell.
func (c *Counts) refresh(ctx context.Context, videoIDs, userIDs []int64) error {
	videos, err := c.store.videoCounts(ctx, videoIDs)
	if err != nil {
		return fmt.Errorf("read video counts: %w", err)
	}
	users, err := c.store.userCounts(ctx, userIDs)
	if err != nil {
		return fmt.Errorf("read user counts: %w", err)
	}
	c.videos.PutMany(ctx, videos)
	c.users.PutMany(ctx, users)
	return nil
}

// tell tells all readers the rows that a transaction has written, and those of
// what it was about and that it did not write.
func (c *Counts) tell(ctx context.Context, about *deltas, now written) error {
	c.videos.PutMany(ctx, protosOf(now.videos, videoCount.proto))
	c.users.PutMany(ctx, protosOf(now.users, userCount.proto))
	return c.refresh(ctx, others(about.videos, now.videos), others(about.users, now.users))
}

// others returns the ids without a row among some rows.
func others[R count[R]](about map[int64]*R, rows []R) []int64 {
	if len(rows) == len(about) {
		return nil
	}
	there := make(map[int64]bool, len(rows))
	for _, r := range rows {
		there[r.key()] = true
	}
	var ids []int64
	for id := range about {
		if !there[id] {
			ids = append(ids, id)
		}
	}
	return ids
}
