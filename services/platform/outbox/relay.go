package outbox

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/pause"
	"douyin.dev/services/platform/pg"
)

const (
	relayBatch = 1000
	// pace is the least time from the beginning of a cycle that published to the
	// next one's, unless there is more than one batch of events. The first event
	// after a pause is published at once, and under load those of 20 ms together:
	// everything behind the relay costs by the batch.
	pace = 20 * time.Millisecond
	// idlePoll finds rows committed by other processes whose shard this one holds.
	idlePoll = 50 * time.Millisecond
	// claimEvery is how often free shards are looked for, those of a process that died.
	claimEvery = 2 * time.Second
	// errorPause is waited after a failure of Postgres or Kafka.
	errorPause = 500 * time.Millisecond
	// vacuumAfter is how many deleted rows make a vacuum worth while, and
	// vacuumEvery the least time between two: another's long transaction may keep
	// all of them from being removed.
	vacuumAfter = 20_000
	vacuumEvery = 2 * time.Second
	// deleteTimeout bounds the deletion of what the broker has acked.
	deleteTimeout = 5 * time.Second
)

// Publisher sends messages and answers when all replicas have them.
type Publisher interface {
	Publish(ctx context.Context, messages ...bus.Message) error
}

// Relay publishes a service's outbox.
type Relay struct {
	service   string
	db        *pg.DB
	publisher Publisher
	log       *slog.Logger
	wake      chan struct{}
	// oldest is when the oldest event that was read and not published was
	// appended, in nanoseconds; 0 when there is none.
	oldest atomic.Int64
}

// NewRelay returns the relay of a service. Run it.
func NewRelay(service string, db *pg.DB, publisher Publisher, log *slog.Logger) *Relay {
	return &Relay{service: service, db: db, publisher: publisher, log: log, wake: make(chan struct{}, 1)}
}

// Wake says that events were committed. It never blocks.
func (r *Relay) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Waiting is the age of the oldest event of this relay's shards that is not
// published, as it last saw them; 0 when there is none.
func (r *Relay) Waiting() time.Duration {
	if oldest := r.oldest.Load(); oldest != 0 {
		return max(time.Since(time.Unix(0, oldest)), 0)
	}
	return 0
}

// Run relays until ctx ends. A failing Postgres or Kafka is tried again for ever.
func (r *Relay) Run(ctx context.Context) error {
	unwatch, err := r.watch()
	if err != nil {
		return err
	}
	defer unwatch()
	for ctx.Err() == nil {
		err := r.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		r.log.WarnContext(ctx, "outbox relay interrupted", "service", r.service, "error", err)
		pause.For(ctx, errorPause)
	}
	return nil
}

// session is what the relay knows while it has its connection, which holds the
// locks of its shards: when the connection is lost, so are they.
type session struct {
	*Relay
	conn     *pgxpool.Conn
	shards   []int16
	claimed  time.Time
	deleted  int // rows since the last vacuum
	vacuumed time.Time
}

// session relays over one connection until it fails or ctx ends.
func (r *Relay) session(ctx context.Context) error {
	conn, err := r.db.RW().Acquire(ctx)
	if err != nil {
		return fmt.Errorf("acquire connection: %w", err)
	}
	// Closing instead of returning it to the pool frees the locks at once.
	defer func() { _ = conn.Hijack().Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, sessionSQL, pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("set up connection: %w", err)
	}
	s := &session{Relay: r, conn: conn}
	for ctx.Err() == nil {
		if err := s.cycle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// cycle publishes what there is, and waits for more.
func (s *session) cycle(ctx context.Context) (err error) {
	began := time.Now()
	if len(s.shards) < Shards && time.Since(s.claimed) > claimEvery {
		if s.shards, err = s.claim(ctx, s.conn, s.shards); err != nil {
			return err
		}
		s.claimed = time.Now()
	}
	n, err := s.relayOnce(ctx, s.conn, s.shards)
	if err != nil {
		return err
	}
	if err := s.vacuum(ctx, n); err != nil {
		return err
	}
	if n == relayBatch {
		return nil
	}
	if n > 0 {
		pause.For(ctx, time.Until(began.Add(pace)))
	}
	pause.ForOr(ctx, idlePoll, s.wake)
	return nil
}

// What was deleted stays in front of what is read until it is vacuumed, and
// autovacuum looks once a minute by default. SKIP_LOCKED: it may be there now.
// Without TRUNCATE nobody waits for a lock.
const vacuumSQL = `VACUUM (SKIP_LOCKED, TRUNCATE false) outbox`

// vacuum cleans up when n more deleted rows make it worth while.
func (s *session) vacuum(ctx context.Context, n int) error {
	if s.deleted += n; s.deleted < vacuumAfter || time.Since(s.vacuumed) < vacuumEvery {
		return nil
	}
	if _, err := s.conn.Exec(ctx, vacuumSQL, pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("vacuum outbox: %w", err)
	}
	s.deleted, s.vacuumed = 0, time.Now()
	return nil
}

const claimSQL = `SELECT pg_try_advisory_lock($1, $2)`

// claim takes the locks of free shards.
func (r *Relay) claim(ctx context.Context, conn *pgxpool.Conn, held []int16) ([]int16, error) {
	has := map[int16]bool{}
	for _, s := range held {
		has[s] = true
	}
	for s := range int16(Shards) {
		if has[s] {
			continue
		}
		var ok bool
		if err := conn.QueryRow(ctx, claimSQL, r.lockClass(), int32(s)).Scan(&ok); err != nil {
			return nil, fmt.Errorf("claim shard: %w", err)
		}
		if ok {
			held = append(held, s)
		}
	}
	return held, nil
}

// lockClass separates the advisory locks of services that share a database.
func (r *Relay) lockClass() int32 {
	h := fnv.New32a()
	h.Write([]byte("outbox/" + r.db.Schema()))
	return int32(h.Sum32())
}

type row struct {
	Shard       int16
	ID          int64
	Topic       string
	Key         int64
	Payload     []byte
	Traceparent string
	CreatedAt   time.Time
}

// Walks the primary key of each shard from its beginning, and so tells the index
// of the dead entries it meets.
const pendingSQL = `SELECT o.shard, o.id, o.topic, o.key, o.payload, o.traceparent, o.created_at
FROM unnest($1::smallint[]) AS held (shard), LATERAL (
	SELECT shard, id, topic, key, payload, traceparent, created_at FROM outbox
	WHERE outbox.shard = held.shard ORDER BY id LIMIT $2
) AS o ORDER BY o.id LIMIT $2`

// The table is empty and full in turn, so what the planner knows of its size is
// always wrong: the relay's connection plans once, and by the index. It only
// deletes what the broker has: a deletion that a crash of Postgres undoes is
// published once more, and consumers know the event. So nobody waits for the disk.
const sessionSQL = `SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off;
SET synchronous_commit = off`

const doneSQL = `DELETE FROM outbox USING unnest($1::smallint[], $2::bigint[]) AS done (shard, id)
WHERE outbox.shard = done.shard AND outbox.id = done.id`

// relayOnce publishes the oldest events of the held shards and deletes them after the ack.
func (r *Relay) relayOnce(ctx context.Context, conn *pgxpool.Conn, shards []int16) (int, error) {
	if len(shards) == 0 {
		r.oldest.Store(0) // another process has them, and tells
		return 0, nil
	}
	rows, err := conn.Query(ctx, pendingSQL, shards, relayBatch)
	if err != nil {
		return 0, fmt.Errorf("read outbox: %w", err)
	}
	var p row
	var pending []row
	_, err = pgx.ForEachRow(rows, []any{&p.Shard, &p.ID, &p.Topic, &p.Key, &p.Payload, &p.Traceparent, &p.CreatedAt}, func() error {
		pending = append(pending, p)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("read outbox: %w", err)
	}
	if len(pending) == 0 {
		r.oldest.Store(0)
		return 0, nil
	}
	r.oldest.Store(pending[0].CreatedAt.UnixNano())
	messages := make([]bus.Message, len(pending))
	doneShards, doneIDs := make([]int16, len(pending)), make([]int64, len(pending))
	for i, p := range pending {
		messages[i] = r.message(p)
		doneShards[i], doneIDs[i] = p.Shard, p.ID
	}
	if err := r.publisher.Publish(ctx, messages...); err != nil {
		return 0, fmt.Errorf("publish: %w", err)
	}
	// Also when told to stop: what was acked and not deleted would be published again.
	done, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTimeout)
	defer cancel()
	if _, err := conn.Exec(done, doneSQL, doneShards, doneIDs); err != nil {
		return 0, fmt.Errorf("delete published events: %w", err)
	}
	relayed(ctx, r.service, len(pending), pending[0].CreatedAt)
	return len(pending), nil
}

// message addresses an event. Its id is the row's: unique in the service for
// ever, because identity values are never given out again.
func (r *Relay) message(p row) bus.Message {
	headers := map[string]string{bus.HeaderEventID: r.service + "-" + strconv.FormatInt(p.ID, 10)}
	if p.Traceparent != "" {
		headers["traceparent"] = p.Traceparent
	}
	return bus.Message{Topic: p.Topic, Key: strconv.AppendInt(nil, p.Key, 10), Value: p.Payload, Headers: headers}
}
