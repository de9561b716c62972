package bustest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/services/platform/bus"
)

func (s *suite) keepsOrderPerKey(t *testing.T) {
	b := s.open(t)
	name := topic(t, b, 4)
	in := newInbox()
	consume(t, b, bus.Subscription{Group: unique("g"), Topics: []string{name}, BatchSize: 37, Handle: in.handle})
	const keys, each = 20, 60
	want := map[string][]string{}
	for from := 0; from < each; from += 20 {
		var messages []bus.Message
		for i := from; i < from+20; i++ {
			for k := range keys {
				key := fmt.Sprint("key", k)
				messages = append(messages, numbered(name, key, i, i+1)...)
				want[key] = append(want[key], fmt.Sprintf("%s:%d", key, i))
			}
		}
		publish(t, b, messages...)
	}
	got := map[string][]string{}
	for _, v := range distinct(in.await(t, "all messages", holds(keys*each))) {
		key, _, _ := strings.Cut(v, ":")
		got[key] = append(got[key], v)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func (s *suite) deliversAgainAfterDeath(t *testing.T) {
	b := s.open(t)
	name, group := topic(t, b, 1), unique("g")
	reached := make(chan struct{}, 100)
	die := consume(t, s.open(t), bus.Subscription{Group: group, Topics: []string{name}, Handle: func(ctx context.Context, _ []bus.Message) error {
		reached <- struct{}{}
		<-ctx.Done() // dies in the middle of its work
		return ctx.Err()
	}})
	messages := numbered(name, "k", 0, 5)
	publish(t, b, messages...)
	select {
	case <-reached:
	case <-time.After(patience):
		t.Fatal("nothing was delivered")
	}
	die()
	in := newInbox()
	consume(t, b, bus.Subscription{Group: group, Topics: []string{name}, Handle: in.handle})
	got := distinct(in.await(t, "what was not committed", holds(5)))
	if diff := cmp.Diff(valuesOf(messages), got); diff != "" {
		t.Error(diff)
	}
}

func (s *suite) retriesTransientErrors(t *testing.T) {
	b := s.open(t)
	name := topic(t, b, 1)
	messages := numbered(name, "k", 0, 30)
	publish(t, b, messages...)
	in := newInbox()
	var failures atomic.Int32
	consume(t, b, bus.Subscription{Group: unique("g"), Topics: []string{name}, BatchSize: 10, Handle: func(ctx context.Context, batch []bus.Message) error {
		if string(batch[0].Value) == "k:10" && failures.Add(1) <= 3 {
			return errors.New("database is away")
		}
		return in.handle(ctx, batch)
	}})
	got := distinct(in.await(t, "all messages", holds(30)))
	if diff := cmp.Diff(valuesOf(messages), got); diff != "" {
		t.Error(diff)
	}
	if n := failures.Load(); n < 4 {
		t.Errorf("handler was called %d times for the failing batch, want 4", n)
	}
	if letters := deadLetters(t, b, name); len(letters) != 0 {
		t.Errorf("transient errors made dead letters: %v", letters)
	}
}

func (s *suite) consumerWaitsForItsTopic(t *testing.T) {
	b := s.open(t)
	there, missing := topic(t, b, 2), unique("test.v1.Later")
	in := newInbox()
	consume(t, b, bus.Subscription{Group: unique("g"), Topics: []string{missing, there}, Handle: in.handle})
	publish(t, b, numbered(there, "early", 0, 3)...)
	in.await(t, "messages of the topic that exists", holds(3))
	ensure(t, b, missing, 3)
	for k := range 6 {
		publish(t, b, numbered(missing, fmt.Sprint("late", k), 0, 1)...)
	}
	in.await(t, "messages of the topic that came later", holds(9))
}

func (s *suite) newGroupReplays(t *testing.T) {
	b := s.open(t)
	name := topic(t, b, 1)
	messages := numbered(name, "k", 0, 25)
	publish(t, b, messages...)
	for range 2 {
		in := newInbox()
		stop := consume(t, b, bus.Subscription{Group: unique("g"), Topics: []string{name}, BatchSize: 10, Handle: in.handle})
		got := distinct(in.await(t, "everything from the first offset on", holds(25)))
		if diff := cmp.Diff(valuesOf(messages), got); diff != "" {
			t.Error(diff)
		}
		stop()
	}
}

func (s *suite) memberGoesOnAtTheCommit(t *testing.T) {
	b := s.open(t)
	name, group := topic(t, b, 1), unique("g")
	first := newInbox()
	stop := consume(t, b, bus.Subscription{Group: group, Topics: []string{name}, Handle: first.handle})
	publish(t, b, numbered(name, "k", 0, 5)...)
	first.await(t, "the first five", holds(5))
	stop()
	second := newInbox()
	publish(t, b, numbered(name, "k", 5, 8)...)
	consume(t, b, bus.Subscription{Group: group, Topics: []string{name}, Handle: second.handle})
	got := second.await(t, "what came after the commit", func(v []string) bool { return slices.Contains(v, "k:7") })
	if diff := cmp.Diff([]string{"k:5", "k:6", "k:7"}, got); diff != "" {
		t.Error(diff)
	}
}

func (s *suite) idleConsumerIsFast(t *testing.T) {
	b := s.open(t)
	name := topic(t, b, 1)
	in := newInbox()
	consume(t, b, bus.Subscription{Group: unique("g"), Topics: []string{name}, Handle: in.handle})
	publish(t, b, numbered(name, "k", 0, 1)...)
	in.await(t, "the first message", holds(1))
	var took []time.Duration
	for i := 1; i <= 21; i++ {
		began := time.Now()
		publish(t, b, numbered(name, "k", i, i+1)...)
		in.await(t, "a single message", holds(i+1))
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("from Publish to Handle: median %v, worst %v", took[len(took)/2], took[len(took)-1])
	// The median, because other tests share the machine.
	if median := took[len(took)/2]; median > 50*time.Millisecond {
		t.Errorf("from Publish to Handle takes %v, want at most 50ms", median)
	}
}

func (s *suite) waitsToFillABatch(t *testing.T) {
	b := s.open(t)
	name := topic(t, b, 1)
	in := newInbox()
	largest := 0
	consume(t, b, bus.Subscription{Group: unique("g"), Topics: []string{name}, BatchSize: 5, BatchWait: patience / 2, Handle: func(ctx context.Context, batch []bus.Message) error {
		largest = max(largest, len(batch)) // one partition: one goroutine, and the inbox's lock orders the read below
		return in.handle(ctx, batch)
	}})
	for i := range 5 {
		publish(t, b, numbered(name, "k", i, i+1)...)
	}
	in.await(t, "a full batch, before its wait is over", holds(5))
	if largest != 5 {
		t.Errorf("largest batch has %d messages, want 5", largest)
	}
}
