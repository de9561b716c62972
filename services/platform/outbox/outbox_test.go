package outbox_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/pg"
	"douyin.dev/services/platform/pg/pgtest"
)

func TestMain(m *testing.M) { infratest.Main(m) }

// broker stands where Kafka's acks come from, so that a test can refuse them.
type broker struct {
	mu       sync.Mutex
	refuse   bool
	messages []bus.Message
	arrived  chan struct{}
}

func newBroker() *broker { return &broker{arrived: make(chan struct{}, 10_000)} }

func (b *broker) Publish(_ context.Context, messages ...bus.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse {
		return errors.New("broker is gone")
	}
	b.messages = append(b.messages, messages...)
	for range messages {
		b.arrived <- struct{}{}
	}
	return nil
}

func (b *broker) wait(t *testing.T, n int) []bus.Message {
	t.Helper()
	for range n {
		select {
		case <-b.arrived:
		case <-time.After(20 * time.Second):
			t.Fatal("an event did not arrive")
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.messages)
}

func relay(t *testing.T, db *pg.DB, b *broker) (*outbox.Relay, context.CancelFunc) {
	r := outbox.NewRelay("t", db, b, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return r, func() { cancel(); <-done }
}

func appendEvents(t *testing.T, db *pg.DB, key int64, values ...string) {
	t.Helper()
	var events []outbox.Event
	for _, v := range values {
		events = append(events, outbox.Event{Key: key, Message: wrapperspb.String(v)})
	}
	if err := db.InTx(t.Context(), func(tx pgx.Tx) error { return outbox.Append(t.Context(), tx, events...) }); err != nil {
		t.Fatal(err)
	}
}

func waiting(t *testing.T, db *pg.DB) (n int) {
	t.Helper()
	if err := db.RW().QueryRow(t.Context(), `SELECT count(*) FROM outbox`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCommittedEventsArriveInOrderAndAreDeleted(t *testing.T) {
	t.Parallel()
	db, b := pgtest.New(t, nil), newBroker()
	appendEvents(t, db, 5, "a", "b")
	r, stop := relay(t, db, b)
	b.wait(t, 2)
	appendEvents(t, db, 5, "c")
	r.Wake()
	var values []string
	ids := map[string]bool{}
	for _, m := range b.wait(t, 1) {
		v := &wrapperspb.StringValue{}
		if err := proto.Unmarshal(m.Value, v); err != nil {
			t.Fatal(err)
		}
		values = append(values, v.GetValue())
		ids[m.Headers[bus.HeaderEventID]] = true
		if m.Topic != "google.protobuf.StringValue" || string(m.Key) != "5" {
			t.Errorf("addressed to %s with key %s", m.Topic, m.Key)
		}
	}
	if !slices.Equal(values, []string{"a", "b", "c"}) || len(ids) != 3 {
		t.Errorf("got %v with %d ids", values, len(ids))
	}
	stop()
	if n := waiting(t, db); n != 0 {
		t.Errorf("%d published events are still there", n)
	}
}

func TestARolledBackEventNeverArrives(t *testing.T) {
	t.Parallel()
	db, b := pgtest.New(t, nil), newBroker()
	undo := errors.New("undo")
	err := db.InTx(t.Context(), func(tx pgx.Tx) error {
		return errors.Join(outbox.Append(t.Context(), tx, outbox.Event{Key: 1, Message: wrapperspb.String("no")}), undo)
	})
	if !errors.Is(err, undo) {
		t.Fatal(err)
	}
	appendEvents(t, db, 1, "yes")
	relay(t, db, b)
	if got := b.wait(t, 1); len(got) != 1 {
		t.Errorf("%d events arrived", len(got))
	}
}

func TestEventsWaitForABrokerThatIsGone(t *testing.T) {
	t.Parallel()
	db, b := pgtest.New(t, nil), newBroker()
	b.refuse = true
	appendEvents(t, db, 1, "a")
	_, stop := relay(t, db, b)
	defer stop()
	if n := waiting(t, db); n != 1 {
		t.Errorf("%d events wait", n)
	}
	b.mu.Lock()
	b.refuse = false
	b.mu.Unlock()
	b.wait(t, 1)
}

// Two processes of one service: each shard is relayed by one of them, and when
// one goes away the other takes over.
func TestTwoRelaysPublishEachEventOnceAndOneTakesOver(t *testing.T) {
	t.Parallel()
	db, b := pgtest.New(t, nil), newBroker()
	_, stopFirst := relay(t, db, b)
	relay(t, db, b)
	for key := range int64(50) {
		appendEvents(t, db, key, "v")
	}
	b.wait(t, 50)
	stopFirst()
	for key := range int64(50) {
		appendEvents(t, db, key, "w")
	}
	ids := map[string]int{}
	for _, m := range b.wait(t, 50) {
		ids[m.Headers[bus.HeaderEventID]]++
	}
	if len(ids) != 100 {
		t.Errorf("%d different events arrived", len(ids))
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("event %s was published %d times with nobody failing", id, n)
		}
	}
}

// Deleted rows are in the way of those that come, and autovacuum is slow to
// come: the relay cleans up behind itself.
func TestARelayCleansUpBehindItself(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	b := &broker{arrived: make(chan struct{}, 30_000)}
	for key := range int64(25) {
		appendEvents(t, db, key, make([]string, 1000)...)
	}
	relay(t, db, b)
	b.wait(t, 25_000)
	const vacuumsSQL = `SELECT coalesce(sum(vacuum_count), 0) FROM pg_stat_user_tables WHERE relid = 'outbox'::regclass`
	vacuums := 0
	for deadline := time.Now().Add(30 * time.Second); vacuums == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the outbox was never vacuumed")
		}
		if err := db.RW().QueryRow(t.Context(), vacuumsSQL).Scan(&vacuums); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheOldestEventThatWaitsIsTold(t *testing.T) {
	t.Parallel()
	db, b := pgtest.New(t, nil), newBroker()
	b.refuse = true
	r, _ := relay(t, db, b)
	if r.Waiting() != 0 {
		t.Error("something waits before anything was appended")
	}
	appendEvents(t, db, 5, "a")
	r.Wake()
	until(t, func() bool { return r.Waiting() > 0 })
	b.mu.Lock()
	b.refuse = false
	b.mu.Unlock()
	b.wait(t, 1)
	until(t, func() bool { return r.Waiting() == 0 })
}

func until(t *testing.T, holds func() bool) {
	t.Helper()
	tick, late := time.NewTicker(10*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("not in time")
		}
	}
}

func TestAnEventIsDecodedOrPoison(t *testing.T) {
	t.Parallel()
	value, err := proto.Marshal(wrapperspb.String("liked"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := outbox.Decode(bus.Message{Value: value}, &wrapperspb.StringValue{})
	if err != nil || e.GetValue() != "liked" {
		t.Errorf("got %v, %v", e, err)
	}
	if _, err := outbox.Decode(bus.Message{Value: []byte{0xff}}, &wrapperspb.StringValue{}); !bus.IsPoison(err) {
		t.Errorf("got %v, want poison", err)
	}
}
