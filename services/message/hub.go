package message

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
	"golang.org/x/sync/errgroup"
)

const (
	// pollEvery bounds how late a message is that no wake-up announced.
	pollEvery = time.Second
	// maxPending bounds the wake-ups that wait for Redis. What is more is left
	// to the other processes' polls.
	maxPending = 10_000
)

// subscriber is one stream. Its stream moves the cursor; the hub reads it.
type subscriber struct {
	userID int64
	woken  chan struct{}
	// cursor is the time of the newest message delivered, in Unix milliseconds.
	cursor atomic.Int64
}

func (s *subscriber) wake() {
	select {
	case s.woken <- struct{}{}:
	default: // it has not looked since the last time: it will find both
	}
}

// hub tells subscribers when to look into their mailbox. It is safe for
// concurrent use.
type hub struct {
	store *store
	redis rueidis.Client
	log   *slog.Logger

	mu      sync.Mutex
	byUser  map[int64]map[*subscriber]struct{}
	pending map[int64]struct{} // users to be announced through Redis
	publish chan struct{}
}

func newHub(s *store, redis rueidis.Client, log *slog.Logger) *hub {
	return &hub{
		store: s, redis: redis, log: log, byUser: map[int64]map[*subscriber]struct{}{},
		pending: map[int64]struct{}{}, publish: make(chan struct{}, 1),
	}
}

// join adds a subscriber. leave it.
func (h *hub) join(userID, cursor int64) *subscriber {
	sub := &subscriber{userID: userID, woken: make(chan struct{}, 1)}
	sub.cursor.Store(cursor)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byUser[userID] == nil {
		h.byUser[userID] = map[*subscriber]struct{}{}
	}
	h.byUser[userID][sub] = struct{}{}
	return sub
}

func (h *hub) leave(sub *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.byUser[sub.userID], sub)
	if len(h.byUser[sub.userID]) == 0 {
		delete(h.byUser, sub.userID)
	}
}

// wake wakes the subscribers of users in this process.
func (h *hub) wake(userIDs []int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, u := range userIDs {
		for sub := range h.byUser[u] {
			sub.wake()
		}
	}
}

// announce wakes the subscribers of users here, and soon those elsewhere. It
// never blocks: a slow Redis slows no message down.
func (h *hub) announce(userIDs []int64) {
	h.wake(userIDs)
	if h.redis == nil {
		return
	}
	h.mu.Lock()
	if len(h.pending) < maxPending {
		for _, u := range userIDs {
			h.pending[u] = struct{}{}
		}
	}
	h.mu.Unlock()
	select {
	case h.publish <- struct{}{}:
	default:
	}
}

// takePending returns the users to announce.
func (h *hub) takePending() []int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	users := slices.Collect(maps.Keys(h.pending))
	clear(h.pending)
	return users
}

// run polls, listens and publishes until ctx ends. Failures pass: each of the
// three goes on, and polling makes up for the other two.
func (h *hub) run(ctx context.Context) error {
	var loops errgroup.Group
	loops.Go(func() error { h.pollLoop(ctx); return nil })
	if h.redis != nil {
		loops.Go(func() error { h.listenLoop(ctx); return nil })
		loops.Go(func() error { h.publishLoop(ctx); return nil })
	}
	return loops.Wait()
}

func (h *hub) pollLoop(ctx context.Context) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := h.poll(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			h.log.WarnContext(ctx, "mailboxes cannot be polled and are tried again", "error", err)
		}
		failing = err != nil
	}
}

// poll wakes whoever has something later than their cursor, with one query for all.
func (h *hub) poll(ctx context.Context) error {
	h.mu.Lock()
	users := slices.Collect(maps.Keys(h.byUser))
	h.mu.Unlock()
	if len(users) == 0 {
		return nil
	}
	last, err := h.store.lastTimes(ctx, users)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for user, at := range last {
		for sub := range h.byUser[user] {
			if at > sub.cursor.Load() {
				sub.wake()
			}
		}
	}
	return nil
}
