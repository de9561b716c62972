package gateway

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// optionalTimeout bounds the wait for a part that an answer can do without.
	optionalTimeout = 300 * time.Millisecond
	// optionalRetryPause is the least time between two reads in the background.
	optionalRetryPause = 50 * time.Millisecond
	// degradedLogInterval is the least time between two log lines about one part.
	degradedLogInterval = 10 * time.Second
)

// errNotAwaited says that a part was left out at once.
var errNotAwaited = errors.New("not waited for, its last read took too long")

// optional is a part that answers can do without. Once a read of it has taken
// optionalTimeout, later answers leave it out at once: callers would else wait
// that long one behind the other, wherever reads are shared. Meanwhile one read at
// a time goes on in the background, and the first that succeeds brings the part
// back. The zero value is ready; it is safe for concurrent use.
type optional struct {
	slow     atomic.Bool
	retrying atomic.Bool
	retryAt  atomic.Int64 // Unix nanoseconds

	loggedAt atomic.Int64 // Unix nanoseconds
	missing  atomic.Int64 // answers without the part since then
}

// optionals are all parts that answers can do without.
type optionals struct{ userCounts, videoCounts, likes, follows, latestMessages, commentAuthor optional }

// forOptionals returns the context of the parts of an answer that it can do
// without: they are waited for together, optionalTimeout at most.
func forOptionals(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, optionalTimeout)
}

// readOptional returns what read answers before ctx, which is of forOptionals, ends.
func readOptional[T any](ctx context.Context, o *optional, read func(context.Context) (T, error)) (T, error) {
	if o.slow.Load() {
		o.retry(ctx, func(ctx context.Context) error { _, err := read(ctx); return err })
		var none T
		return none, errNotAwaited
	}
	began := time.Now()
	answer, err := read(ctx)
	// A service notices the end of its time a little earlier than its caller. A caller
	// with less time of its own says nothing about the service.
	if err != nil && time.Since(began) >= optionalTimeout*9/10 {
		o.slow.Store(true)
	}
	return answer, err
}

// retry reads in the background unless that is under way already, or was a moment ago.
func (o *optional) retry(ctx context.Context, read func(context.Context) error) {
	if time.Now().UnixNano() < o.retryAt.Load() || !o.retrying.CompareAndSwap(false, true) {
		return
	}
	go func() { // ends after optionalTimeout
		ctx, cancel := forOptionals(context.WithoutCancel(ctx))
		defer cancel()
		err := read(ctx)
		o.slow.Store(err != nil)
		o.retryAt.Store(time.Now().Add(optionalRetryPause).UnixNano())
		o.retrying.Store(false)
	}()
}

// logDegraded logs that answers do without the part, now and then. ctx is that of
// readOptional.
func (o *optional) logDegraded(ctx context.Context, log *slog.Logger, part string, err error) {
	if err == nil || errors.Is(ctx.Err(), context.Canceled) { // a caller who left misses nothing
		return
	}
	o.missing.Add(1)
	now, last := time.Now(), o.loggedAt.Load()
	if now.UnixNano()-last < int64(degradedLogInterval) || !o.loggedAt.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	log.WarnContext(ctx, "answered without a part", "part", part, "answers", o.missing.Swap(0), "error", err)
}
