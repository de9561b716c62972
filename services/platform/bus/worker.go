package bus

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/segmentio/kafka-go"
)

// stallAfter is how long a partition may bring nothing, with something there to
// read or no answer at all, before it gets fresh connections.
const stallAfter = 20 * time.Second

// committer is the part of a generation a worker needs.
type committer interface {
	CommitOffsets(offsets map[string]map[int]int64) error
}

// worker delivers one partition during one generation. It is used by one goroutine.
type worker struct {
	bus    *Bus
	sub    Subscription
	commit committer
	from   destination
	log    *slog.Logger
	source source

	offset int64     // of the next record to fetch
	end    int64     // of the partition, as last seen
	buffer []Message // fetched, not delivered

	failing  bool      // the last fetch failed; the first failure was logged
	progress time.Time // when there was last nothing left to read, or a batch was done
}

func newWorker(b *Bus, sub Subscription, g committer, topic string, partition int, offset int64) *worker {
	return &worker{
		bus: b, sub: sub, commit: g, from: destination{topic, partition}, offset: offset,
		log:      b.log.With("group", sub.Group, "topic", topic, "partition", partition),
		source:   newSource(sub.Group, topic, partition),
		progress: time.Now(),
	}
}

// run delivers until ctx ends. It returns earlier only when the generation has
// to end, because the broker refused a commit.
func (w *worker) run(ctx context.Context) {
	retry := backoff{min: 100 * time.Millisecond, max: 2 * time.Second}
	for ctx.Err() == nil {
		batch, err := w.next(ctx)
		if ctx.Err() != nil {
			return
		}
		w.watchProgress(ctx, len(batch) > 0, err)
		if err != nil {
			if !w.failing {
				w.log.WarnContext(ctx, "fetch failed and is retried", "error", err)
				w.failing = true
			}
			retry.wait(ctx)
			continue
		}
		w.failing = false
		if len(batch) == 0 {
			w.bus.metrics.lag(ctx, w.source, w.end-w.offset, time.Time{})
			if w.offset < w.end {
				retry.wait(ctx) // answered at once with nothing: do not spin
			}
			continue
		}
		retry.reset()
		w.bus.metrics.lag(ctx, w.source, w.end-batch[0].Offset, batch[0].Time)
		w.bus.busy.Add(int64(len(batch)))
		err = w.settle(ctx, batch)
		w.bus.busy.Add(-int64(len(batch)))
		if err != nil {
			if ctx.Err() == nil {
				w.log.WarnContext(ctx, "commit refused, the group joins again", "error", err)
			}
			return
		}
		w.progress = time.Now()
	}
}

// next returns the next batch: nil when nothing came within fetchWait.
func (w *worker) next(ctx context.Context) ([]Message, error) {
	if len(w.buffer) == 0 {
		if err := w.fill(ctx, fetchWait); err != nil {
			return nil, err
		}
	}
	if len(w.buffer) == 0 {
		return nil, nil
	}
	for deadline := time.Now().Add(w.sub.BatchWait); len(w.buffer) < w.sub.BatchSize; {
		left := time.Until(deadline)
		if left <= 0 {
			break
		}
		// What is there already is delivered, whether more can be fetched or not.
		if err := w.fill(ctx, left); err != nil {
			break
		}
	}
	n := min(len(w.buffer), w.sub.BatchSize)
	batch := w.buffer[:n:n]
	w.buffer = w.buffer[n:]
	return batch, nil //nolint:nilerr // a fetch that failed is tried again for the next batch
}

// fill appends what can be fetched to the buffer.
func (w *worker) fill(ctx context.Context, wait time.Duration) error {
	if w.offset < 0 {
		if err := w.rewind(ctx); err != nil {
			return err
		}
	}
	got, err := w.bus.fetch(ctx, w.from, w.offset, wait)
	if errors.Is(err, kafka.OffsetOutOfRange) {
		return w.rewind(ctx)
	}
	// Records before one that cannot be decoded are good.
	w.buffer = append(w.buffer, got.messages...)
	if len(got.messages) > 0 {
		w.offset = got.next
	}
	if got.end > 0 {
		w.end = got.end
	}
	return err
}

// rewind goes to the first message kept: where a new group begins, and where a
// group ends up whose offset is no longer there, be it that retention overtook
// it or that the topic was made anew. Nothing kept is skipped.
func (w *worker) rewind(ctx context.Context) error {
	first, end, err := w.bus.offsets(ctx, w.from)
	if err != nil {
		return err
	}
	if w.offset >= 0 {
		w.log.ErrorContext(ctx, "committed offset is gone, starting at the first message kept", "committed", w.offset, "first", first)
	}
	w.offset, w.end = first, end
	return nil
}

// watchProgress gives a stalled partition fresh connections and metadata.
func (w *worker) watchProgress(ctx context.Context, brought bool, err error) {
	now := time.Now()
	if brought || err == nil && w.offset >= w.end {
		w.progress = now
		return
	}
	if now.Sub(w.progress) < stallAfter {
		return
	}
	w.progress = now
	w.bus.metrics.stalled(ctx, w.source)
	w.log.ErrorContext(ctx, "partition stalled, reconnecting", "offset", w.offset, "end", w.end, "error", err)
	w.bus.transport.CloseIdleConnections()
}
