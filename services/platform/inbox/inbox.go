// Package inbox is the consuming side of the outbox: it tells a worker which
// events of a batch it has not applied yet, and records them in the same
// transaction as their effect. A replay, from a crash or from offset 0, then
// changes no row.
package inbox

import (
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/jackc/pgx/v5"

	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/pg"
)

// Keep is how long applied events are remembered: twice the topics' retention,
// so every event that can still be delivered is still known.
const Keep = 14 * 24 * time.Hour

const recordSQL = `INSERT INTO applied_event (consumer, event_id)
SELECT @consumer, id FROM unnest(@event_ids::text[]) AS id
ON CONFLICT DO NOTHING RETURNING event_id`

// Fresh records a batch for a consumer and answers the messages it had not
// applied before, in the batch's order, each event once. A message without an
// event id is poison.
func Fresh(ctx context.Context, tx pgx.Tx, consumer string, batch []bus.Message) ([]bus.Message, error) {
	byID := make(map[string]int, len(batch))
	ids := make([]string, 0, len(batch))
	for i, m := range batch {
		id := m.Headers[bus.HeaderEventID]
		if id == "" {
			return nil, bus.Poison(fmt.Errorf("message without %s header", bus.HeaderEventID))
		}
		if _, twice := byID[id]; !twice {
			byID[id] = i
			ids = append(ids, id)
		}
	}
	// Two consumers with overlapping batches take the rows in one order.
	sort.Strings(ids)
	rows, err := tx.Query(ctx, recordSQL, pgx.NamedArgs{"consumer": consumer, "event_ids": ids})
	if err != nil {
		return nil, fmt.Errorf("record applied events: %w", err)
	}
	recorded, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("record applied events: %w", err)
	}
	places := make([]int, len(recorded))
	for i, id := range recorded {
		places[i] = byID[id]
	}
	sort.Ints(places)
	fresh := make([]bus.Message, len(places))
	for i, p := range places {
		fresh[i] = batch[p]
	}
	return fresh, nil
}

const forgetSQL = `DELETE FROM applied_event WHERE applied_at < now() - @keep::interval`

// Forget deletes what is older than Keep; call it now and then.
func Forget(ctx context.Context, db *pg.DB) error {
	if _, err := db.RW().Exec(ctx, forgetSQL, pgx.NamedArgs{"keep": Keep}); err != nil {
		return fmt.Errorf("forget applied events: %w", err)
	}
	return nil
}
