package growth

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/test/bench/result"
)

const (
	// eventVideos share the events; they exist nowhere else.
	eventVideos = 500
	firstLiked  = 300_000_000
	// shards of an outbox.
	shards      = 8
	eventsLimit = 5 * time.Minute
)

const likesCountedSQL = `SELECT coalesce(sum(favorites), 0)::bigint FROM counter.video_count WHERE video_id >= $1 AND video_id < $1 + $2`

const relayedSQL = `SELECT NOT EXISTS (SELECT FROM interaction.outbox)`

// Events puts n likes into the outbox at once and measures until they are relayed and counted.
func (l *Lab) Events(ctx context.Context, n int64) (*result.Events, error) {
	ctx, cancel := context.WithTimeout(ctx, eventsLimit)
	defer cancel()
	if _, err := l.platform.Quiet(ctx); err != nil {
		return nil, err
	}
	topic := string((&interactionv1.LikeChanged{}).ProtoReflect().Descriptor().FullName())
	var counted int64
	if err := l.sql.QueryRow(ctx, likesCountedSQL, firstLiked, eventVideos).Scan(&counted); err != nil {
		return nil, fmt.Errorf("read counts: %w", err)
	}
	_, err := l.sql.CopyFrom(ctx, pgx.Identifier{"interaction", "outbox"}, []string{"shard", "topic", "key", "payload"},
		pgx.CopyFromSlice(int(n), func(i int) ([]any, error) {
			video := int64(firstLiked + i%eventVideos)
			payload, err := proto.Marshal(&interactionv1.LikeChanged{
				UserId: firstUser + int64(i/eventVideos), VideoId: video, AuthorId: firstUser + video%authors, Liked: true,
			})
			return []any{int16(video % shards), topic, video, payload}, err
		}))
	if err != nil {
		return nil, fmt.Errorf("put in events: %w", err)
	}
	started := time.Now()
	found := &result.Events{Events: n}
	found.Relayed, err = until(ctx, started, func() (done bool, err error) {
		err = l.sql.QueryRow(ctx, relayedSQL).Scan(&done)
		return done, err
	})
	if err != nil {
		return nil, fmt.Errorf("wait for the relay: %w", err)
	}
	found.Counted, err = until(ctx, started, func() (bool, error) {
		var now int64
		err := l.sql.QueryRow(ctx, likesCountedSQL, firstLiked, eventVideos).Scan(&now)
		return now == counted+n, err
	})
	if err != nil {
		return nil, fmt.Errorf("wait for the counts: %w", err)
	}
	return found, nil
}
