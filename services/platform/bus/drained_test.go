package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"douyin.dev/services/platform/bus"
)

// Drained waits for what is there when it is called, and not for the rest.
func TestDrainedWaitsForWhatIsThere(t *testing.T) {
	t.Parallel()
	b := connect(t, broker(t))
	topic := ensure(t, b, "drained")
	group := topic + "-group"
	if err := b.Drained(t.Context(), group, topic); err != nil {
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

// A Bus remembers for a while which partitions there are. That must not hide a
// topic or a partition that was made since, and what was published to it.
func TestDrainedKnowsWhatWasMadeAMomentAgo(t *testing.T) {
	t.Parallel()
	addr := broker(t)
	reader, writer := connect(t, addr), connect(t, addr)
	group := ensure(t, reader, "group")
	busy := func(topic string) {
		t.Helper()
		short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if err := reader.Drained(short, group, topic); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: drained though nobody consumes: %v", topic, err)
		}
	}
	busy("no-such-topic")

	narrow := ensure(t, writer, "narrow")
	if err := reader.Drained(t.Context(), group, narrow); err != nil {
		t.Fatal(err)
	}
	if err := writer.Publish(t.Context(), bus.Message{Topic: narrow, Key: []byte("k"), Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	busy(narrow)

	wide := ensure(t, writer, "wide")
	if err := reader.Drained(t.Context(), group, wide); err != nil {
		t.Fatal(err)
	}
	widen(t, addr, wide)
	busy(wide)
}

// widen gives a topic of one partition a second one that holds a message.
func widen(t *testing.T, addr, topic string) {
	t.Helper()
	client := func() *kafka.Client { // one that remembers nothing
		transport := &kafka.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		return &kafka.Client{Addr: kafka.TCP(addr), Transport: transport}
	}
	res, err := client().CreatePartitions(t.Context(), &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: 2}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Errors[topic]; err != nil {
		t.Fatal(err)
	}
	if _, err := client().Produce(t.Context(), &kafka.ProduceRequest{
		Topic: topic, Partition: 1, RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes([]byte("v"))}),
	}); err != nil {
		t.Fatal(err)
	}
}
