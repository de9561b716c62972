package relation

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	relationv1 "douyin.dev/gen/douyin/relation/v1"
	"douyin.dev/services/platform/outbox"
)

// pair is who follows whom.
type pair struct {
	Follower, Followee int64
}

// change is a wish: that the pair is there, or that it is not.
type change struct {
	pair
	follows bool
	at      int64 // Unix microseconds
}

func (c change) event() outbox.Event {
	return outbox.Event{Key: c.Follower, Message: &relationv1.FollowChanged{
		FollowerId: c.Follower, FolloweeId: c.Followee, Following: c.follows,
	}}
}

// One statement makes all wishes of a batch true, in both tables, and announces
// those that changed something.
//
// A row of following is the lock of its pair: the row of follower is touched
// only by who holds it. New pairs are taken in order, then, and not before
// (that is what the count is for), old ones in order. An insert may wait for
// another statement's insert or delete, a delete only for another's delete,
// because it cannot see an insert that is not committed. So no circle of
// statements waits for itself, and there is no deadlock.
const changeSQL = `WITH wish AS MATERIALIZED (
    SELECT * FROM unnest(@followers::bigint[], @followees::bigint[], @follows::boolean[], @times::bigint[],
        @event_shards::smallint[], @event_topics::text[], @event_keys::bigint[], @event_payloads::bytea[], @event_traces::text[])
    AS wish (follower_id, followee_id, follows, created_at, shard, topic, key, payload, traceparent)
), came AS (
    INSERT INTO following (follower_id, followee_id, created_at)
    SELECT follower_id, followee_id, created_at FROM wish WHERE follows ORDER BY follower_id, followee_id
    ON CONFLICT DO NOTHING RETURNING follower_id, followee_id, created_at
), came_back AS (
    INSERT INTO follower (followee_id, follower_id, created_at)
    SELECT followee_id, follower_id, created_at FROM came
), held AS MATERIALIZED (
    SELECT f.follower_id, f.followee_id FROM following f JOIN wish w USING (follower_id, followee_id)
    WHERE NOT w.follows AND (SELECT count(*) FROM came) >= 0
    ORDER BY f.follower_id, f.followee_id FOR UPDATE OF f
), went AS (
    DELETE FROM following f USING held h
    WHERE f.follower_id = h.follower_id AND f.followee_id = h.followee_id
    RETURNING f.follower_id, f.followee_id
), went_back AS (
    DELETE FROM follower f USING went w
    WHERE f.followee_id = w.followee_id AND f.follower_id = w.follower_id
), changed AS (
    SELECT follower_id, followee_id FROM came UNION ALL SELECT follower_id, followee_id FROM went
), announced AS (
    INSERT INTO outbox (shard, topic, key, payload, traceparent)
    SELECT shard, topic, key, payload, traceparent FROM wish JOIN changed USING (follower_id, followee_id)
)
SELECT follower_id, followee_id FROM changed`

// apply makes the wishes true and answers for each whether that changed
// anything. No two may be of one pair.
func (s store) apply(ctx context.Context, wishes []change) (changed []bool, err error) {
	err = s.db.Write(ctx, func(conn *pgxpool.Conn) error {
		changed, err = apply(ctx, conn, wishes)
		return err
	})
	return changed, err
}

// querier is a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func apply(ctx context.Context, to querier, wishes []change) ([]bool, error) {
	n := len(wishes)
	followers, followees := make([]int64, n), make([]int64, n)
	follows, times, events := make([]bool, n), make([]int64, n), make([]outbox.Event, n)
	place := make(map[pair]int, n)
	for i, w := range wishes {
		followers[i], followees[i], follows[i], times[i] = w.Follower, w.Followee, w.follows, w.at
		events[i], place[w.pair] = w.event(), i
	}
	encoded, err := outbox.Encode(ctx, events)
	if err != nil {
		return nil, err
	}
	args := encoded.Args()
	args["followers"], args["followees"], args["follows"], args["times"] = followers, followees, follows, times
	rows, err := to.Query(ctx, changeSQL, args)
	if err != nil {
		return nil, fmt.Errorf("change follows: %w", err)
	}
	pairs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[pair])
	if err != nil {
		return nil, fmt.Errorf("change follows: %w", err)
	}
	changed := make([]bool, n)
	for _, p := range pairs {
		changed[place[p]] = true
	}
	return changed, nil
}
