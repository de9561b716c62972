package auth

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"douyin.dev/services/platform/fault"
)

// hashing is a queue with one slot, in a bubble: hashes take time but no work.
type hashing struct {
	*hashQueue
	t        *testing.T
	callers  sync.WaitGroup
	mu       sync.Mutex
	finished []Priority
	refused  int
}

func newHashing(t *testing.T) *hashing { return &hashing{hashQueue: newHashQueue(1), t: t} }

// hash begins a hash that takes a time, and returns when it runs, waits or was refused.
func (h *hashing) hash(p Priority, takes time.Duration) {
	h.callers.Go(func() {
		err := h.enter(h.t.Context(), p)
		h.mu.Lock()
		if err != nil {
			h.refused++
			if f, _ := fault.As(err); f == nil || f.Code() != connect.CodeResourceExhausted || f.RetryAfter() < 1 {
				h.t.Errorf("refused with %v", err)
			}
			h.mu.Unlock()
			return
		}
		h.mu.Unlock()
		time.Sleep(takes)
		h.leave(takes)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.finished = append(h.finished, p)
	})
	synctest.Wait()
}

func TestLoginsAreHashedBeforeRegistrations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHashing(t)
		for range 300 {
			h.hash(ForRegistration, firstHold)
		}
		began := time.Now()
		if err := h.enter(t.Context(), ForAccount); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > firstHold {
			t.Errorf("a login waited %v for registrations", took)
		}
		h.leave(firstHold)
		h.callers.Wait()
	})
}

// Two seconds of hashes may wait: at 50 ms each that is 40, and one more that
// begins when they are done.
func TestHashingWaitsAtMostTwoSeconds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ callers, refused int }{{41, 0}, {42, 0}, {43, 1}, {300, 258}} {
		for _, p := range []Priority{ForAccount, ForRegistration} {
			synctest.Test(t, func(t *testing.T) {
				h := newHashing(t)
				began := time.Now()
				for range c.callers {
					h.hash(p, firstHold)
				}
				if h.refused != c.refused {
					t.Errorf("%d callers of priority %d: %d refused, want %d", c.callers, p, h.refused, c.refused)
				}
				if took := time.Since(began); took > 0 {
					t.Errorf("refused after %v", took)
				}
				h.callers.Wait()
				if took := time.Since(began); took > defaultHashWait+2*firstHold {
					t.Errorf("the last one ended after %v", took)
				}
			})
		}
	}
}

func TestWaitingRegistrationsRefuseNoLogin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHashing(t)
		for range 100 {
			h.hash(ForRegistration, firstHold)
		}
		refused := h.refused
		for range 10 {
			h.hash(ForAccount, firstHold)
		}
		if h.refused != refused {
			t.Errorf("%d logins were refused", h.refused-refused)
		}
		h.hash(ForRegistration, firstHold)
		if h.refused != refused+1 {
			t.Error("a registration was taken behind more than two seconds")
		}
		h.callers.Wait()
		for i, p := range h.finished[1:11] {
			if p != ForAccount {
				t.Errorf("hash %d was a registration's", i)
			}
		}
	})
}

// How much waits is known from how long hashes took lately.
func TestSlowHashesMakeTheQueueShorter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const slow = 4 * firstHold
		h := newHashing(t)
		for range 64 {
			h.hash(ForRegistration, slow)
			h.callers.Wait()
		}
		h.refused = 0
		for range 100 {
			h.hash(ForRegistration, slow)
		}
		// 200 ms each: 10 wait for two seconds, one behind them, one runs.
		if taken := 100 - h.refused; taken != 12 {
			t.Errorf("%d hashes of %v were taken, want 12", taken, slow)
		}
		h.callers.Wait()
	})
}

func TestNobodyWaitsForEverBehindLogins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHashing(t)
		h.hash(ForAccount, time.Hour) // and so the queue does not move
		began := time.Now()
		err := h.enter(t.Context(), ForRegistration)
		if fault.CodeOf(err) != connect.CodeResourceExhausted || time.Since(began) != hashWaitFactor*defaultHashWait {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
		h.callers.Wait()
		if h.free != 1 || len(h.waiting[ForRegistration]) != 0 {
			t.Errorf("%d slots free, %d wait", h.free, len(h.waiting[ForRegistration]))
		}
	})
}

func TestSlotOfACallerWhoLeftIsNotLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHashing(t)
		h.hash(ForAccount, firstHold)
		ctx, cancel := context.WithTimeout(t.Context(), firstHold) // ends as the slot comes
		defer cancel()
		var left sync.WaitGroup
		for range 20 {
			left.Go(func() {
				if err := h.enter(ctx, ForAccount); err == nil {
					h.leave(firstHold)
				} else if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			})
		}
		left.Wait()
		h.callers.Wait()
		if h.free != 1 || len(h.waiting[ForAccount]) != 0 {
			t.Errorf("%d slots free, %d wait", h.free, len(h.waiting[ForAccount]))
		}
	})
}
