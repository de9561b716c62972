// Package pause waits between two tries or two rounds of a loop.
package pause

import (
	"context"
	"time"
)

// For waits for d. It returns false when ctx has ended, at once then.
func For(ctx context.Context, d time.Duration) bool { return ForOr(ctx, d, nil) }

// ForOr waits for d, or until wake has a value or is closed. It returns false when
// ctx has ended, at once then.
func ForOr(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-wake:
	}
	return ctx.Err() == nil
}
