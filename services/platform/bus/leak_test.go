package bus_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"douyin.dev/services/platform/bus"
)

// Not parallel: other tests' goroutines would be taken for leaks.
func TestCloseLeavesNoGoroutine(t *testing.T) {
	addr := start(t, newBroker(t))
	before := goleak.IgnoreCurrent()
	b, err := bus.Connect(t.Context(), bus.Config{Brokers: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	topic := ensure(t, b, "leak")
	arrived := make(chan struct{}, 10)
	for _, group := range []string{"g1", "g2"} {
		go func() {
			_ = b.Consume(context.Background(), bus.Subscription{Group: group, Topics: []string{topic}, Handle: func(context.Context, []bus.Message) error {
				arrived <- struct{}{}
				return nil
			}})
		}()
	}
	if err := b.Publish(t.Context(), bus.Message{Topic: topic, Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		select {
		case <-arrived:
		case <-time.After(patience):
			t.Fatal("nothing was delivered")
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	// A fetch the broker still holds ends with its answer.
	for deadline := time.Now().Add(patience); ; {
		err := goleak.Find(before)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
