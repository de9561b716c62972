package counter

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/coalesce"
	"douyin.dev/services/platform/inbox"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/pg"
)

const (
	// consumer names the appliers, to Kafka and in the record of applied events.
	consumer = "counter"
	// batchSize is how many events of a partition share a transaction at most.
	batchSize = 1000
	// partitionsAtOnce is how many partitions share one at most. When Postgres is too
	// slow for that, each gets one of its own.
	partitionsAtOnce = 8
	// forgetEvery is the pause between clearings of the record of applied events.
	forgetEvery = time.Hour
)

// Applier applies events to the counts. It is safe for concurrent use, and any
// number of appliers may share the tables.
type Applier struct {
	db     *pg.DB
	counts *Counts
	log    *slog.Logger
	// batches makes one transaction of what several partitions bring at the same
	// time: their rows are often the same, and then they would only wait for each other.
	batches *coalesce.Batch[[]bus.Message, struct{}]
}

// NewApplier returns an Applier on the tables of this package's migrations.
func NewApplier(db *pg.DB, counts *Counts, log *slog.Logger) *Applier {
	a := &Applier{db: db, counts: counts, log: log}
	a.batches = pg.NewBatch(partitionsAtOnce, nil, a.applyAll)
	return a
}

// Subscription returns what an applier listens to.
func (a *Applier) Subscription() bus.Subscription {
	return bus.Subscription{Group: consumer, Topics: topics(), BatchSize: batchSize, Handle: a.Apply}
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
// the cache. A process may die in between: so the cache is told of every row the
// batch is about, also when it comes again and nothing of it is fresh. When ctx
// ends first, the batch may be applied all the same.
func (a *Applier) Apply(ctx context.Context, batch []bus.Message) error {
	_, err := a.batches.Do(ctx, batch)
	return err
}

// applyAll is Apply for batches of several partitions.
func (a *Applier) applyAll(ctx context.Context, batches [][]bus.Message) ([]struct{}, error) {
	all := slices.Concat(batches...)
	about, err := fold(all)
	if err != nil {
		return nil, err
	}
	var now written
	err = a.db.InTx(ctx, func(tx pgx.Tx) (err error) {
		now, err = applyIn(ctx, tx, all, about)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("apply events: %w", err)
	}
	if err := a.counts.tell(ctx, about, now); err != nil {
		return nil, fmt.Errorf("refresh counts: %w", err)
	}
	return make([]struct{}, len(batches)), nil
}

// applyIn adds the fresh events of a batch to their rows, and returns those.
// about is what all of the batch adds up to.
func applyIn(ctx context.Context, tx pgx.Tx, batch []bus.Message, about *deltas) (written, error) {
	fresh, err := inbox.Fresh(ctx, tx, consumer, batch)
	if err != nil {
		return written{}, err
	}
	if len(fresh) == len(batch) {
		return about.apply(ctx, tx)
	}
	d, err := fold(fresh)
	if err != nil {
		return written{}, err
	}
	return d.apply(ctx, tx)
}

// Forget clears the record of applied events now and then, until ctx ends.
func (a *Applier) Forget(ctx context.Context) error {
	ticker := time.NewTicker(forgetEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := inbox.Forget(ctx, a.db); err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "applied events were not cleared", "error", err)
		}
	}
}
