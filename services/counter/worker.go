package counter

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/inbox"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/pg"
)

const (
	// consumer names the worker, to Kafka and in the record of applied events.
	consumer = "counter"
	// batchSize is how many events share a transaction at most.
	batchSize = 1000
	// forgetEvery is the pause between clearings of the record of applied events.
	forgetEvery = time.Hour
)

// Worker applies events to the counts. It is safe for concurrent use, and any
// number of workers may share the tables.
type Worker struct {
	db     *pg.DB
	counts *Counts
	log    *slog.Logger
}

// NewWorker returns a Worker on the tables of this package's migrations.
func NewWorker(db *pg.DB, counts *Counts, log *slog.Logger) *Worker {
	return &Worker{db: db, counts: counts, log: log}
}

// Subscription returns what the worker listens to.
func (w *Worker) Subscription() bus.Subscription {
	return bus.Subscription{Group: consumer, Topics: topics(), BatchSize: batchSize, Handle: w.Apply}
}

// topics are those of what is counted.
func topics() []string {
	var all []string
	for _, e := range events() {
		all = append(all, outbox.Topic(e))
	}
	return all
}

// Apply applies the events of a batch that were not applied before, then tells
// the cache. A worker may die in between: so the cache is told of every row the
// batch is about, also when it comes again and nothing of it is fresh.
func (w *Worker) Apply(ctx context.Context, batch []bus.Message) error {
	about, err := fold(batch)
	if err != nil {
		return err
	}
	if err := w.db.InTx(ctx, func(tx pgx.Tx) error { return applyIn(ctx, tx, batch) }); err != nil {
		return fmt.Errorf("apply events: %w", err)
	}
	err = w.counts.refresh(ctx, slices.Collect(maps.Keys(about.videos)), slices.Collect(maps.Keys(about.users)))
	if err != nil {
		return fmt.Errorf("refresh counts: %w", err)
	}
	return nil
}

func applyIn(ctx context.Context, tx pgx.Tx, batch []bus.Message) error {
	fresh, err := inbox.Fresh(ctx, tx, consumer, batch)
	if err != nil {
		return err
	}
	d, err := fold(fresh)
	if err != nil {
		return err
	}
	return d.apply(ctx, tx)
}

// Forget clears the record of applied events now and then, until ctx ends.
func (w *Worker) Forget(ctx context.Context) error {
	ticker := time.NewTicker(forgetEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := inbox.Forget(ctx, w.db); err != nil && ctx.Err() == nil {
			w.log.WarnContext(ctx, "applied events were not cleared", "error", err)
		}
	}
}
