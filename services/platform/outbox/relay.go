package outbox

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/pg"
)

const (
	relayBatch = 1000
	// idlePoll finds rows committed by other processes whose shard this one holds.
	idlePoll = 50 * time.Millisecond
	// claimEvery is how often free shards are looked for, those of a process that died.
	claimEvery = 2 * time.Second
	// errorPause is waited after a failure of Postgres or Kafka.
	errorPause = 500 * time.Millisecond
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

// Run relays until ctx ends. A failing Postgres or Kafka is tried again for ever.
func (r *Relay) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := r.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		r.log.WarnContext(ctx, "outbox relay interrupted", "service", r.service, "error", err)
		wait(ctx, errorPause, nil)
	}
	return nil
}

// session relays over one connection, which holds the locks of its shards:
// when the connection is lost, so are they.
func (r *Relay) session(ctx context.Context) error {
	conn, err := r.db.RW().Acquire(ctx)
	if err != nil {
		return fmt.Errorf("acquire connection: %w", err)
	}
	// Closing instead of returning it to the pool frees the locks at once.
	defer func() { _ = conn.Hijack().Close(context.WithoutCancel(ctx)) }()
	var shards []int16
	var claimed time.Time
	for ctx.Err() == nil {
		if len(shards) < Shards && time.Since(claimed) > claimEvery {
			if shards, err = r.claim(ctx, conn, shards); err != nil {
				return err
			}
			claimed = time.Now()
		}
		n, err := r.relayOnce(ctx, conn, shards)
		if err != nil {
			return err
		}
		if n < relayBatch {
			wait(ctx, idlePoll, r.wake)
		}
	}
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

// Uses the primary key; the sort is over at most a few runs of it.
const pendingSQL = `SELECT shard, id, topic, key, payload, traceparent, created_at
FROM outbox WHERE shard = ANY($1) ORDER BY id LIMIT $2`

const doneSQL = `DELETE FROM outbox USING unnest($1::smallint[], $2::bigint[]) AS done (shard, id)
WHERE outbox.shard = done.shard AND outbox.id = done.id`

// relayOnce publishes the oldest events of the held shards and deletes them after the ack.
func (r *Relay) relayOnce(ctx context.Context, conn *pgxpool.Conn, shards []int16) (int, error) {
	if len(shards) == 0 {
		return 0, nil
	}
	rows, err := conn.Query(ctx, pendingSQL, shards, relayBatch)
	if err != nil {
		return 0, fmt.Errorf("read outbox: %w", err)
	}
	pending, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return 0, fmt.Errorf("read outbox: %w", err)
	}
	if len(pending) == 0 {
		return 0, nil
	}
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

func wait(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-wake:
	}
}
