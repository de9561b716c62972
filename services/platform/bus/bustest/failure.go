package bustest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"douyin.dev/services/platform/bus"
)

func deadLetters(t *testing.T, b *bus.Bus, topic string) []bus.DeadLetter {
	t.Helper()
	var out []bus.DeadLetter
	if err := b.DeadLetters(t.Context(), topic, func(d bus.DeadLetter) error { out = append(out, d); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func (s *suite) isolatesPoison(t *testing.T) {
	b := s.open(t)
	name, group := topic(t, b, 1), unique("g")
	messages := numbered(name, "k", 0, 10)
	publish(t, b, messages...)
	in := newInbox()
	consume(t, b, bus.Subscription{Group: group, Topics: []string{name}, Handle: func(ctx context.Context, batch []bus.Message) error {
		for _, m := range batch {
			switch string(m.Value) {
			case "k:3":
				return fmt.Errorf("apply: %w", bus.Poison(errors.New("unknown wire type")))
			case "k:6":
				panic("the handler has a bug with " + string(m.Value))
			}
		}
		return in.handle(ctx, batch)
	}})
	publish(t, b, numbered(name, "k", 10, 12)...)
	got := distinct(in.await(t, "everything but the poison", holds(10)))
	want := []string{"k:0", "k:1", "k:2", "k:4", "k:5", "k:7", "k:8", "k:9", "k:10", "k:11"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	letter := func(i int, text string) bus.DeadLetter {
		return bus.DeadLetter{Topic: name, Partition: "0", Offset: strconv.Itoa(i), Group: group, EventID: fmt.Sprint("k-", i), Error: text}
	}
	wantLetters := []bus.DeadLetter{letter(3, "apply: unknown wire type"), letter(6, "panic: string")}
	wantLetters[1].Letter = 1
	if diff := cmp.Diff(wantLetters, deadLetters(t, b, name), cmpopts.IgnoreFields(bus.DeadLetter{}, "Died")); diff != "" {
		t.Error(diff)
	}
}

func (s *suite) replaysDeadLettersOnce(t *testing.T) {
	b := s.open(t)
	name := topic(t, b, 2)
	var mu sync.Mutex
	repaired := false
	in := newInbox()
	consume(t, b, bus.Subscription{Group: unique("g"), Topics: []string{name}, Handle: func(ctx context.Context, batch []bus.Message) error {
		mu.Lock()
		defer mu.Unlock()
		if !repaired {
			return bus.Poison(errors.New("cannot be applied yet"))
		}
		return in.handle(ctx, batch)
	}})
	messages := numbered(name, "k", 0, 4)
	publish(t, b, messages...)
	// Letters are there when the partition goes on; ask until all are.
	for deadline := time.Now().Add(patience); len(deadLetters(t, b, name)) < 4; {
		if time.Now().After(deadline) {
			t.Fatal("the letters did not arrive")
		}
	}
	mu.Lock()
	repaired = true
	mu.Unlock()
	if err := b.Replay(t.Context(), name, 2); err != nil {
		t.Fatal(err)
	}
	if err := b.Replay(t.Context(), name, 2); !errors.Is(err, bus.ErrReplayed) {
		t.Errorf("second replay: %v, want ErrReplayed", err)
	}
	if err := b.Replay(t.Context(), name, 99); !errors.Is(err, bus.ErrNoLetter) {
		t.Errorf("replay of a letter that is not there: %v, want ErrNoLetter", err)
	}
	for _, want := range []int{3, 0} {
		n, err := b.ReplayAll(t.Context(), name)
		if err != nil || n != want {
			t.Errorf("ReplayAll = %d, %v; want %d", n, err, want)
		}
	}
	in.await(t, "all replayed messages", holds(4))
	if diff := cmp.Diff([]string{"k:2", "k:0", "k:1", "k:3"}, in.values()); diff != "" {
		t.Error(diff)
	}
	for i, m := range in.all() {
		want := map[string]string{bus.HeaderEventID: []string{"k-2", "k-0", "k-1", "k-3"}[i]}
		if diff := cmp.Diff(want, m.Headers); diff != "" {
			t.Errorf("headers of replayed message: %s", diff)
		}
	}
	for _, d := range deadLetters(t, b, name) {
		if !d.Replayed {
			t.Errorf("letter %d is not shown as replayed", d.Letter)
		}
	}
}

func (s *suite) groupSharesPartitions(t *testing.T) {
	b := s.open(t)
	name, group := topic(t, b, 4), unique("g")
	both, left, right := newInbox(), newInbox(), newInbox()
	member := func(own *inbox) func() {
		return consume(t, s.open(t), bus.Subscription{Group: group, Topics: []string{name}, Handle: func(ctx context.Context, batch []bus.Message) error {
			return errors.Join(own.handle(ctx, batch), both.handle(ctx, batch))
		}})
	}
	stopLeft := member(left)
	member(right)
	// Enough keys for all four partitions, published until both have a share.
	round, sent := 0, 0
	for deadline := time.Now().Add(patience); len(left.values()) == 0 || len(right.values()) == 0; round++ {
		if time.Now().After(deadline) {
			t.Fatalf("no sharing: one member got %d, the other %d", len(left.values()), len(right.values()))
		}
		sent += publishRound(t, b, name, round)
		both.await(t, "a round", holds(sent))
	}
	stopLeft()
	for range 3 {
		sent += publishRound(t, b, name, round)
		round++
	}
	both.await(t, "what was published after a member went away", holds(sent))
}

// publishRound publishes one message for each of 16 keys.
func publishRound(t *testing.T, b *bus.Bus, topic string, round int) int {
	t.Helper()
	var messages []bus.Message
	for k := range 16 {
		messages = append(messages, numbered(topic, fmt.Sprint("key", k), round, round+1)...)
	}
	publish(t, b, messages...)
	return len(messages)
}

func (s *suite) brokerRestarts(t *testing.T) {
	if s.restartable == nil {
		t.Skip("the broker of this run cannot be restarted")
	}
	b, restart := s.restartable(t)
	name := topic(t, b, 3)
	in := newInbox()
	consume(t, b, bus.Subscription{Group: unique("g"), Topics: []string{name}, Handle: in.handle})
	sent := publishRound(t, b, name, 0)
	in.await(t, "what was published before", holds(sent))
	published := make(chan error, 1)
	restart(func() {
		// A publisher that begins while the broker is away gets through when it is back,
		// at the latest when it tries again.
		go func() {
			var err error
			for range 5 {
				if err = b.Publish(t.Context(), numbered(name, "meanwhile", 0, 5)...); err == nil {
					break
				}
			}
			published <- err
		}()
	})
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	// The first administrative request after a restart finds dead pooled connections.
	ensure(t, b, unique("test.v1.Made"), 1)
	sent += publishRound(t, b, name, 1) + 5
	in.await(t, "what was published during and after the restart", holds(sent))
}
