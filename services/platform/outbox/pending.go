package outbox

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"douyin.dev/services/platform/fault"
)

// maxPending bounds what Pending reads, about 1 MB.
const maxPending = 10_000

const pendingOfSQL = `SELECT payload FROM outbox WHERE topic = @topic LIMIT @limit`

// Pending returns the events of kind's type that a transaction sees and that
// are not known to be in Kafka: of all others it sees the effect, consumers can
// have the event. fault.Unavailable when there are more than can be looked at.
func Pending[E proto.Message](ctx context.Context, tx pgx.Tx, kind E) ([]E, error) {
	rows, err := tx.Query(ctx, pendingOfSQL, pgx.NamedArgs{"topic": Topic(kind), "limit": maxPending + 1})
	if err != nil {
		return nil, fmt.Errorf("read pending events: %w", err)
	}
	payloads, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return nil, fmt.Errorf("read pending events: %w", err)
	}
	if len(payloads) > maxPending {
		return nil, fault.Unavailable(fmt.Errorf("more than %d events wait in the outbox", maxPending))
	}
	events := make([]E, len(payloads))
	for i, p := range payloads {
		events[i] = kind.ProtoReflect().New().Interface().(E)
		if err := proto.Unmarshal(p, events[i]); err != nil {
			return nil, fmt.Errorf("decode pending event: %w", err)
		}
	}
	return events, nil
}
