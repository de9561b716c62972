package outbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/protobuf/proto"

	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/pg"
)

// shardBits is how many bits of a key's hash are its shard.
const shardBits = 3

// Shards is how many ways a service's events can be relayed side by side.
const Shards = 1 << shardBits

// Event is something that happened, to be announced.
type Event struct {
	// Key is the id of the entity whose order matters.
	Key int64
	// Message is the event; its full name is the topic.
	Message proto.Message
}

// Append adds events to the outbox in the transaction of what they announce.
func Append(ctx context.Context, tx pgx.Tx, events ...Event) error {
	if len(events) == 0 {
		return nil
	}
	rows, err := Encode(ctx, events)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, appendSQL, rows.Args()); err != nil {
		return fmt.Errorf("append to outbox: %w", err)
	}
	return nil
}

const appendSQL = `INSERT INTO outbox (shard, topic, key, payload, traceparent)
SELECT * FROM unnest(@event_shards::smallint[], @event_topics::text[], @event_keys::bigint[], @event_payloads::bytea[], @event_traces::text[])`

// Rows are events as columns, for a statement that decides row by row which
// of them to keep: join them by position with what was really changed.
type Rows struct {
	Shards   []int16
	Topics   []string
	Keys     []int64
	Payloads [][]byte
	Traces   []string
}

// Encode returns events as columns. All carry the trace of ctx.
func Encode(ctx context.Context, events []Event) (Rows, error) {
	trace := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, trace)
	n := len(events)
	r := Rows{make([]int16, n), make([]string, n), make([]int64, n), make([][]byte, n), make([]string, n)}
	for i, e := range events {
		payload, err := proto.Marshal(e.Message)
		if err != nil {
			return Rows{}, fmt.Errorf("encode event: %w", err)
		}
		r.Shards[i], r.Keys[i], r.Payloads[i] = int16(pg.Stripe(e.Key, shardBits)), e.Key, payload
		r.Topics[i] = Topic(e.Message)
		r.Traces[i] = trace["traceparent"]
	}
	return r, nil
}

// Args returns the columns as named arguments event_shards, event_topics,
// event_keys, event_payloads and event_traces.
func (r Rows) Args() pgx.NamedArgs {
	return pgx.NamedArgs{
		"event_shards": r.Shards, "event_topics": r.Topics, "event_keys": r.Keys,
		"event_payloads": r.Payloads, "event_traces": r.Traces,
	}
}

// Topic returns the topic of an event: its full message name.
func Topic(m proto.Message) string { return string(m.ProtoReflect().Descriptor().FullName()) }

// Decode reads an event into e, and returns it. A message whose value is no such
// event is poison.
func Decode[E proto.Message](m bus.Message, e E) (E, error) {
	if err := proto.Unmarshal(m.Value, e); err != nil {
		return e, bus.Poison(errors.New("the value is not a " + Topic(e)))
	}
	return e, nil
}
