package message

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	messagev1 "douyin.dev/gen/douyin/message/v1"
	"douyin.dev/services/platform/fault"
)

func TestSubscriberGetsBothDirectionsLive(t *testing.T) {
	r := newRig(t)
	i := r.start(t, nil)
	i.mustSend(t, 2, 1, "before")
	s := i.subscribe(t, 1, -1)
	i.mustSend(t, 2, 1, "received")
	i.mustSend(t, 2, 3, "between others")
	i.mustSend(t, 1, 3, "sent")
	if diff := cmp.Diff([]string{"received", "sent"}, contents(s.next(t, 2))); diff != "" {
		t.Error(diff)
	}
}

func TestSubscriberCatchesUpOverManyPages(t *testing.T) {
	r := newRig(t)
	i := r.start(t, nil)
	var drafts []draft
	var want []string
	for n := range 2*followPage + 5 {
		drafts = append(drafts, draft{id: int64(n + 1), from: 2, to: 1, content: fmt.Sprint(n)})
		want = append(want, fmt.Sprint(n))
	}
	if _, err := i.sendAll(t.Context(), drafts); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, contents(i.subscribe(t, 1, 0).next(t, len(want)))); diff != "" {
		t.Error(diff)
	}
}

// A subscriber hangs up at random and comes back with its cursor, to either of
// two instances that share a schema, while many send through both.
func TestReconnectingSubscriberMissesAndRepeatsNothing(t *testing.T) {
	r := newRig(t)
	instances := []*instance{r.start(t, redisClient(t)), r.start(t, redisClient(t))}
	const senders, each = 16, 25
	var wg sync.WaitGroup
	for n := range senders {
		wg.Go(func() {
			for k := range each {
				instances[(n+k)%2].mustSend(t, int64(n+2), 1, fmt.Sprintf("%d/%d", n, k))
			}
		})
	}
	random := rand.New(rand.NewPCG(1, 1))
	var got []string
	cursor := int64(0)
	for len(got) < senders*each {
		s := instances[random.IntN(2)].subscribe(t, 1, cursor)
		got = append(got, contents(s.next(t, min(1+random.IntN(30), senders*each-len(got))))...)
		cursor = s.cursor
		s.hangUp()
	}
	wg.Wait()
	var want []string
	for _, m := range mailboxOf(t, r, 1) {
		want = append(want, m.GetContent())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// mailboxOf returns everything a user has, in order.
func mailboxOf(t *testing.T, r *rig, user int64) []*messagev1.Message {
	t.Helper()
	entries, err := (&store{db: r.db}).later(t.Context(), user, 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	var all []*messagev1.Message
	for _, e := range entries {
		all = append(all, e.proto(user))
	}
	return all
}

// Redis alone wakes the subscriber: nobody polls.
func TestWakeUpCrossesInstances(t *testing.T) {
	r := newRig(t)
	sender := r.start(t, redisClient(t))
	listening := redisClient(t)
	s, err := New(Deps{DB: r.db, Users: users{}, Redis: listening, IDs: sender.ids, Now: time.Now, Wake: func() {}, Log: sender.hub.log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { s.hub.listenLoop(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	probe := s.hub.join(702, 0)
	for heard := false; !heard; { // what is published before it listens is lost
		sender.hub.announce([]int64{702})
		select {
		case <-probe.woken:
			heard = true
		case <-time.After(20 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("never heard a wake-up")
		}
	}
	s.hub.leave(probe)
	sub := (&instance{Service: s, client: serve(t, s)}).subscribe(t, 700, -1)
	sender.mustSend(t, 701, 700, "hello")
	if diff := cmp.Diff([]string{"hello"}, contents(sub.next(t, 1))); diff != "" {
		t.Error(diff)
	}
}

// Neither Redis nor the same process: only the poll finds it.
func TestPollWakesWhomNobodyWoke(t *testing.T) {
	r := newRig(t)
	a, b := r.start(t, nil), r.start(t, nil)
	sub := b.subscribe(t, 1, -1)
	a.mustSend(t, 2, 1, "hello")
	if diff := cmp.Diff([]string{"hello"}, contents(sub.next(t, 1))); diff != "" {
		t.Error(diff)
	}
}

func TestSilentStreamGivesSignsOfLife(t *testing.T) {
	r := newRig(t)
	i := r.start(t, nil)
	i.signOfLife = 20 * time.Millisecond
	last := i.mustSend(t, 2, 1, "x").GetSentAtMs()
	s := i.subscribe(t, 1, -1)
	for range 3 {
		if !s.Receive() {
			t.Fatal(s.Err())
		}
		if s.Msg().GetMessage() != nil || s.Msg().GetCursorMs() != last {
			t.Errorf("sign of life: %v, want cursor %d", s.Msg(), last)
		}
	}
}

func TestDrainEndsStreamsCleanly(t *testing.T) {
	r := newRig(t)
	i := r.start(t, nil)
	s := i.subscribe(t, 1, -1)
	i.Drain()
	for s.Receive() {
	}
	if err := s.Err(); err != nil {
		t.Errorf("the stream ended with %v", err)
	}
	if n := len(i.hub.byUser); n != 0 {
		t.Errorf("%d users are still waited for", n)
	}
}

func TestSubscribeRefusesANegativeCursor(t *testing.T) {
	r := newRig(t)
	after := int64(-1)
	s, err := r.start(t, nil).client.Subscribe(as(t.Context(), 1), &messagev1.SubscribeRequest{AfterMs: &after})
	if err != nil {
		t.Fatal(err)
	}
	for s.Receive() {
	}
	if e, ok := fault.As(s.Err()); !ok || len(e.Violations()) != 1 || e.Violations()[0].Field != "after_ms" {
		t.Errorf("got %v", s.Err())
	}
}

func TestWakeUpsAreOnlyHints(t *testing.T) {
	t.Parallel()
	users := []int64{1, 2, 1 << 52}
	if diff := cmp.Diff(users, decodeWake(encodeWake(users))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int64{7}, decodeWake("x 7 99999999999999999999 1.5")); diff != "" {
		t.Error(diff)
	}
}
