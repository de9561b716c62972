package auth

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"douyin.dev/services/platform/fault"
)

const (
	// defaultHashWait is how much hashing may wait. A caller whose own hash could
	// not begin within it is refused at once.
	defaultHashWait = 2 * time.Second
	// hashWaitFactor times that bounds the wait of a caller that was not refused:
	// later callers of a higher priority go first, and hashes may get slower.
	hashWaitFactor = 2
	// firstHold stands for how long a hash holds its slot until one was measured.
	firstHold = 50 * time.Millisecond
	// holdWeight is the part of a new measurement in the mean: one in so many.
	holdWeight = 8
)

// Priority says whose password is hashed. The lower value goes first.
type Priority int

const (
	// ForAccount hashes for the owner of an account: a login, another password.
	ForAccount Priority = iota
	// ForRegistration hashes for an account that does not exist yet.
	ForRegistration

	priorities
)

// hashQueue hands out slots to hash in, to callers of a higher priority first and
// among equals in the order in which they came. It is bounded by the time its
// hashing would take, which it knows from the last ones. It is safe for concurrent
// use.
type hashQueue struct {
	slots   int
	maxWait time.Duration

	mu      sync.Mutex
	free    int
	waiting [priorities][]chan struct{} // closed when the slot is the waiting caller's
	hold    time.Duration               // mean time for which a hash holds its slot
}

func newHashQueue(slots int) *hashQueue {
	return &hashQueue{slots: slots, maxWait: defaultHashWait, free: slots, hold: firstHold}
}

// enter returns when the caller has a slot, which leave gives back. It refuses
// with fault.TooMany when too much hashing waits.
func (q *hashQueue) enter(ctx context.Context, p Priority) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("wait to hash a password: %w", err)
	}
	q.mu.Lock()
	if q.free > 0 { // nobody waits then
		q.free--
		q.mu.Unlock()
		return nil
	}
	if wait := q.waitOf(p); wait > q.maxWait {
		q.mu.Unlock()
		return tooMuchHashing(wait)
	}
	slot := make(chan struct{})
	q.waiting[p] = append(q.waiting[p], slot)
	q.mu.Unlock()

	timeout := time.NewTimer(hashWaitFactor * q.maxWait)
	defer timeout.Stop()
	select {
	case <-slot:
		return nil
	case <-ctx.Done():
		q.abandon(p, slot)
		return fmt.Errorf("wait to hash a password: %w", ctx.Err())
	case <-timeout.C:
		q.abandon(p, slot)
		return tooMuchHashing(q.maxWait)
	}
}

func tooMuchHashing(wait time.Duration) error {
	return fault.TooMany(int(math.Ceil(wait.Seconds()))).Because(fmt.Errorf("%v of hashing wait", wait))
}

// waitOf is how long the hashing takes that would go before a new caller's.
func (q *hashQueue) waitOf(p Priority) time.Duration {
	before := 0
	for _, callers := range q.waiting[:p+1] {
		before += len(callers)
	}
	return time.Duration(before) * q.hold / time.Duration(q.slots)
}

// abandon ends a wait. A slot that came in the same moment goes on to the next caller.
func (q *hashQueue) abandon(p Priority, slot chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiting[p], slot); i >= 0 {
		q.waiting[p] = slices.Delete(q.waiting[p], i, i+1)
		return
	}
	q.next()
}

// leave gives a slot back that was held for a time.
func (q *hashQueue) leave(held time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.hold += (held - q.hold) / holdWeight
	q.next()
}

// next gives a slot to the first waiting caller, or keeps it free.
func (q *hashQueue) next() {
	for p, callers := range q.waiting {
		if len(callers) > 0 {
			close(callers[0])
			q.waiting[p] = slices.Delete(callers, 0, 1)
			return
		}
	}
	q.free++
}
