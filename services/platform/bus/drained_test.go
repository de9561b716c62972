package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"douyin.dev/services/platform/bus"
)

// Drained waits for what is there when it is called, and not for the rest.
func TestDrainedWaitsForWhatIsThere(t *testing.T) {
	t.Parallel()
	b := connect(t, broker(t))
	topic := ensure(t, b, "drained")
	group := topic + "-group"
	if err := b.Drained(t.Context(), group, topic, "no-such-topic"); err != nil {
		t.Fatalf("an empty topic: %v", err)
	}
	publish := func(n int) {
		t.Helper()
		for i := range n {
			if err := b.Publish(t.Context(), bus.Message{Topic: topic, Key: fmt.Append(nil, i), Value: []byte("v")}); err != nil {
				t.Fatal(err)
			}
		}
	}
	publish(10)
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := b.Drained(short, group, topic); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("nobody consumes: %v", err)
	}
	var mu sync.Mutex
	handled := 0
	ctx, stop := context.WithCancel(t.Context())
	var consuming sync.WaitGroup
	consuming.Go(func() {
		_ = b.Consume(ctx, bus.Subscription{Group: group, Topics: []string{topic}, Handle: func(_ context.Context, batch []bus.Message) error {
			mu.Lock()
			defer mu.Unlock()
			handled += len(batch)
			return nil
		}})
	})
	defer func() { stop(); consuming.Wait() }()
	for round := 1; round <= 3; round++ {
		wait, cancel := context.WithTimeout(t.Context(), patience)
		err := b.Drained(wait, group, topic)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		if handled < 10*round {
			t.Errorf("drained when %d of %d messages were handled", handled, 10*round)
		}
		mu.Unlock()
		publish(10)
	}
}
