package counter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"douyin.dev/services/platform/pause"
	"douyin.dev/services/platform/pg"
)

const (
	// sliceSize is how many videos or users are looked at together.
	sliceSize = 200
	// drainTimeout is how long the reconciler waits for the worker to catch up.
	drainTimeout = time.Minute
	// failurePause is waited before a slice that failed is tried again.
	failurePause = 10 * time.Second
)

// Progress tells how far the worker is. The bus is one.
type Progress interface {
	// Drained returns nil when a group has settled what the topics held when it was called.
	Drained(ctx context.Context, group string, topics ...string) error
}

// ReconcilerDeps is what a Reconciler needs.
type ReconcilerDeps struct {
	DB       *pg.DB
	Counts   *Counts
	Owners   Owners
	Progress Progress
	Log      *slog.Logger
	// Meters gets the drift found; nil for none.
	Meters metric.MeterProvider
}

// Reconciler compares counts with the rows they count, and repairs those that
// drifted. See the package's documentation for how it knows them from those
// with events under way. It is safe for concurrent use.
type Reconciler struct {
	db       *pg.DB
	counts   *Counts
	owners   Owners
	progress Progress
	log      *slog.Logger
	drift    metric.Int64Counter
	slice    int
}

// NewReconciler returns a Reconciler.
func NewReconciler(d ReconcilerDeps) (*Reconciler, error) {
	if d.DB == nil || d.Counts == nil || d.Progress == nil || d.Owners.Likes == nil || d.Owners.Follows == nil || d.Owners.Works == nil {
		return nil, errors.New("reconciler needs a database, counts, progress and the owners of what is counted")
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	meters := d.Meters
	if meters == nil {
		meters = noop.NewMeterProvider()
	}
	drift, err := meters.Meter("douyin.dev/services/counter").Int64Counter("douyin_counter_drift",
		metric.WithDescription("Counts that differed from their rows and were repaired, by kind."))
	if err != nil {
		return nil, fmt.Errorf("metrics of the reconciler: %w", err)
	}
	return &Reconciler{
		db: d.DB, counts: d.Counts, owners: d.Owners, progress: d.Progress, log: d.Log, drift: drift, slice: sliceSize,
	}, nil
}

// Run looks at everything every so often, resting between slices, until ctx
// ends. One process at a time does it: the others find the lock taken.
func (r *Reconciler) Run(ctx context.Context, every, rest time.Duration) error {
	for next := rest; pause.For(ctx, next); next = every {
		if err := r.alone(ctx, func(ctx context.Context) error { return r.Pass(ctx, rest) }); err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "counts are not reconciled now", "error", err)
		}
	}
	return nil
}

// alone runs work, or not at all when another process is at it.
func (r *Reconciler) alone(ctx context.Context, work func(context.Context) error) error {
	return pg.Exclusively(ctx, r.db, "counter/reconcile", work)
}

// Pass looks once at the counts of all videos and users. What goes wrong is
// logged and tried again: it returns when it is through, or ctx ends.
func (r *Reconciler) Pass(ctx context.Context, rest time.Duration) error {
	st := r.counts.store
	videos := book[videoCount]{
		rows: func(ctx context.Context, id int64, limit int) ([]videoCount, error) {
			return after[videoCount](ctx, st, videosAfterSQL, id, limit)
		},
		tally:   r.owners.videos,
		set:     func(ctx context.Context, c videoCount) (bool, error) { return set(ctx, st, setVideoCountSQL, c) },
		refresh: func(ctx context.Context, ids []int64) error { return r.counts.refresh(ctx, ids, nil) },
	}
	users := book[userCount]{
		rows: func(ctx context.Context, id int64, limit int) ([]userCount, error) {
			return after[userCount](ctx, st, usersAfterSQL, id, limit)
		},
		tally:   r.owners.users,
		set:     func(ctx context.Context, c userCount) (bool, error) { return set(ctx, st, setUserCountSQL, c) },
		refresh: func(ctx context.Context, ids []int64) error { return r.counts.refresh(ctx, nil, ids) },
	}
	if err := walk(ctx, r, videos, rest); err != nil {
		return err
	}
	return walk(ctx, r, users, rest)
}

// book is one of the two tables.
type book[R count[R]] struct {
	rows    func(ctx context.Context, after int64, limit int) ([]R, error)
	tally   func(ctx context.Context, after int64, limit int) (*tally[R], error)
	set     func(ctx context.Context, truth R) (bool, error)
	refresh func(ctx context.Context, ids []int64) error
}

// walk goes through a book slice by slice. What may have been too much at once
// is tried again in smaller slices.
func walk[R count[R]](ctx context.Context, r *Reconciler, b book[R], rest time.Duration) error {
	limit := r.slice
	for at := int64(0); at < math.MaxInt64; {
		upTo, err := reconcile(ctx, r, b, at, limit)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			r.log.WarnContext(ctx, "some counts could not be checked and are tried again", "after_id", at, "error", err)
			limit = max(limit/2, 1)
			pause.For(ctx, failurePause)
		default:
			at, limit = upTo, min(limit*2, r.slice)
			pause.For(ctx, rest)
		}
	}
	return ctx.Err()
}

// reconcile looks at up to about limit ids after one, and returns up to which it came.
func reconcile[R count[R]](ctx context.Context, r *Reconciler, b book[R], at int64, limit int) (upTo int64, err error) {
	have, err := b.rows(ctx, at, limit)
	if err != nil {
		return at, err
	}
	there, err := b.tally(ctx, at, limit)
	if err != nil {
		return at, err
	}
	if len(have) == limit {
		there.upTo = min(there.upTo, have[len(have)-1].key())
	}
	suspects := suspectsAmong(have, there)
	if len(suspects) == 0 {
		return there.upTo, nil
	}
	bounded, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	if err := r.progress.Drained(bounded, consumer, topics()...); err != nil {
		return at, fmt.Errorf("wait for events under way: %w", err)
	}
	return there.upTo, repair(ctx, r, b, suspects)
}

// suspect is a row that differs from what was counted later.
type suspect[R any] struct{ was, truth R }

// suspectsAmong compares rows with a tally of later. Those with changes that
// are not announced yet are left out.
func suspectsAmong[R count[R]](have []R, there *tally[R]) []suspect[R] {
	byID := make(map[int64]R, len(have))
	for _, row := range have {
		byID[row.key()] = row
	}
	for id := range there.rows {
		if _, ok := byID[id]; !ok {
			var none R
			byID[id] = none.withID(id)
		}
	}
	var suspects []suspect[R]
	for id, was := range byID {
		truth := was.recounted(there.rows[id])
		if id <= there.upTo && was != truth && !there.unannounced[id] {
			suspects = append(suspects, suspect[R]{was, truth})
		}
	}
	return suspects
}

// repair writes what was counted into the rows that no event has touched since
// they were read, and tells the caches.
func repair[R count[R]](ctx context.Context, r *Reconciler, b book[R], suspects []suspect[R]) error {
	for _, s := range suspects {
		set, err := b.set(ctx, s.truth)
		if err != nil {
			return err
		}
		if !set {
			continue // events were under way
		}
		id := s.was.key()
		for _, d := range drifts(s.was, s.truth) {
			r.drift.Add(ctx, 1, metric.WithAttributes(attribute.String("kind", d.kind)))
			r.log.WarnContext(ctx, "count had drifted and was repaired", "kind", d.kind, "id", id, "was", d.was, "is", d.is)
		}
		if err := b.refresh(ctx, []int64{id}); err != nil {
			return err
		}
	}
	return nil
}
