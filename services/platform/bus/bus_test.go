package bus_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"douyin.dev/services/platform/bus"
)

const patience = 60 * time.Second

func ensure(t *testing.T, b *bus.Bus, topic string) string {
	t.Helper()
	topic = fmt.Sprintf("%s-%d", topic, time.Now().UnixNano())
	if err := b.EnsureTopics(t.Context(), bus.TopicSpec{Name: topic, Replication: 1}); err != nil {
		t.Fatal(err)
	}
	return topic
}

// deliver consumes in the background and sends what arrives.
func deliver(t *testing.T, b *bus.Bus, group string, topics ...string) <-chan bus.Message {
	t.Helper()
	out := make(chan bus.Message, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- b.Consume(ctx, bus.Subscription{Group: group, Topics: topics, Handle: func(_ context.Context, batch []bus.Message) error {
			for _, m := range batch {
				out <- m
			}
			return nil
		}})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return out
}

func receive(t *testing.T, from <-chan bus.Message) bus.Message {
	t.Helper()
	select {
	case m := <-from:
		return m
	case <-time.After(patience):
		t.Fatal("nothing was delivered")
		return bus.Message{}
	}
}

func TestBrokerThatIsDownAtStartIsNoError(t *testing.T) {
	t.Parallel()
	f := newBroker(t)
	b := connect(t, net.JoinHostPort("127.0.0.1", fmt.Sprint(f.port)))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := b.Publish(ctx, bus.Message{Topic: "t", Key: []byte("k")}); err == nil {
		t.Fatal("published without a broker")
	}
	in := deliver(t, b, "g", "t")
	start(t, f)
	if err := b.EnsureTopics(t.Context(), bus.TopicSpec{Name: "t", Replication: 1}); err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(t.Context(), bus.Message{Topic: "t", Key: []byte("k"), Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	if m := receive(t, in); string(m.Value) != "v" {
		t.Errorf("got %q", m.Value)
	}
}

func TestConnectAndConsumeRefuseWhatCannotWork(t *testing.T) {
	t.Parallel()
	if _, err := bus.Connect(t.Context(), bus.Config{}); err == nil {
		t.Error("connected without brokers")
	}
	b := connect(t, "127.0.0.1:1")
	handle := func(context.Context, []bus.Message) error { return nil }
	for _, sub := range []bus.Subscription{
		{Topics: []string{"t"}, Handle: handle},
		{Group: "g", Handle: handle},
		{Group: "g", Topics: []string{"t"}},
		{Group: "g", Topics: []string{"t"}, Handle: handle, BatchSize: -1},
	} {
		if err := b.Consume(t.Context(), sub); err == nil {
			t.Errorf("consumes %+v", sub)
		}
	}
}

func TestCloseEndsConsumersAndRefusesMore(t *testing.T) {
	t.Parallel()
	b := connect(t, broker(t))
	topic := ensure(t, b, "closing")
	in := deliver(t, b, "g-"+topic, topic)
	if err := b.Publish(t.Context(), bus.Message{Topic: topic, Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	receive(t, in)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	handle := func(context.Context, []bus.Message) error { return nil }
	if err := b.Consume(t.Context(), bus.Subscription{Group: "g", Topics: []string{topic}, Handle: handle}); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("Consume after Close: %v", err)
	}
	if err := b.Publish(t.Context(), bus.Message{Topic: topic}); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("Publish after Close: %v", err)
	}
}

func TestPublishToMissingTopicNamesIt(t *testing.T) {
	t.Parallel()
	b := connect(t, broker(t))
	err := b.Publish(t.Context(), bus.Message{Topic: "nobody.made.this", Value: []byte("v")})
	if !errors.Is(err, kafka.UnknownTopicOrPartition) || !strings.Contains(err.Error(), "nobody.made.this") {
		t.Errorf("got %v", err)
	}
}

func TestLargePublishArrivesInOrder(t *testing.T) {
	t.Parallel()
	b := connect(t, broker(t))
	topic := ensure(t, b, "large")
	var messages []bus.Message
	for i := range 40 { // 4 MB: several requests
		messages = append(messages, bus.Message{Topic: topic, Key: []byte{byte(i)}, Value: []byte(strings.Repeat("x", 100_000))})
	}
	if err := b.Publish(t.Context(), messages...); err != nil {
		t.Fatal(err)
	}
	in := deliver(t, b, "g-"+topic, topic)
	for i := range messages {
		if m := receive(t, in); m.Key[0] != byte(i) || m.Offset != int64(i) || len(m.Value) != 100_000 {
			t.Fatalf("message %d has key %d, offset %d, %d bytes", i, m.Key[0], m.Offset, len(m.Value))
		}
	}
}

func TestLostOffsetRestartsAtTheFirstMessage(t *testing.T) {
	t.Parallel()
	addr := broker(t)
	b := connect(t, addr)
	topic := ensure(t, b, "lost-offset")
	if err := b.Publish(t.Context(), bus.Message{Topic: topic, Value: []byte("first")}); err != nil {
		t.Fatal(err)
	}
	// The group committed offsets of a topic that has since been made anew.
	client := &kafka.Client{Addr: kafka.TCP(addr)}
	group := "g-" + topic
	commit := func() error {
		res, err := client.OffsetCommit(t.Context(), &kafka.OffsetCommitRequest{GroupID: group, GenerationID: -1,
			Topics: map[string][]kafka.OffsetCommit{topic: {{Partition: 0, Offset: 500}}}})
		if err != nil {
			return err
		}
		return res.Topics[topic][0].Error
	}
	deadline := time.Now().Add(patience)
	for err := commit(); err != nil; err = commit() { // the coordinator may still be starting
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	if m := receive(t, deliver(t, b, group, topic)); string(m.Value) != "first" {
		t.Errorf("got %q", m.Value)
	}
}

func TestTraceContinuesThroughTheBus(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	b, err := bus.Connect(t.Context(), bus.Config{Brokers: []string{broker(t)}, TracerProvider: provider})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	topic := ensure(t, b, "traced")
	tracer := provider.Tracer("test")
	ctx, publisher := tracer.Start(t.Context(), "publisher")
	_, other := tracer.Start(context.Background(), "other")
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpan(context.Background(), other), carrier)
	messages := []bus.Message{
		{Topic: topic, Value: []byte("takes the publisher's trace")},
		{Topic: topic, Value: []byte("has a trace"), Headers: map[string]string{bus.HeaderTraceparent: carrier["traceparent"]}},
	}
	if err := b.Publish(ctx, messages...); err != nil {
		t.Fatal(err)
	}
	if messages[0].Headers != nil {
		t.Error("Publish changed the caller's message")
	}
	inHandler := make(chan trace.SpanContext, 10)
	consuming, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- b.Consume(consuming, bus.Subscription{Group: "g-" + topic, Topics: []string{topic}, Handle: func(ctx context.Context, _ []bus.Message) error {
			inHandler <- trace.SpanContextFromContext(ctx)
			return nil
		}})
	}()
	var got trace.SpanContext
	select {
	case got = <-inHandler:
	case <-time.After(patience):
		t.Fatal("nothing was delivered")
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got.TraceID() != publisher.SpanContext().TraceID() {
		t.Error("the handler is not in the publisher's trace")
	}
	for _, s := range spans.Ended() {
		if s.SpanContext().SpanID() != got.SpanID() {
			continue
		}
		if s.Parent().SpanID() != publisher.SpanContext().SpanID() {
			t.Error("the consumer's span is no child of the publisher's")
		}
		if len(s.Links()) != 1 || s.Links()[0].SpanContext.SpanID() != other.SpanContext().SpanID() {
			t.Errorf("links: %v", s.Links())
		}
		return
	}
	t.Error("the consumer's span did not end")
}

func TestMetricsCount(t *testing.T) {
	t.Parallel()
	reader := metric.NewManualReader()
	b, err := bus.Connect(t.Context(), bus.Config{Brokers: []string{broker(t)}, MeterProvider: metric.NewMeterProvider(metric.WithReader(reader))})
	if err != nil {
		t.Fatal(err)
	}
	topic := ensure(t, b, "measured")
	messages := make([]bus.Message, 5)
	for i := range messages {
		messages[i] = bus.Message{Topic: topic, Value: []byte{byte(i)}}
	}
	if err := b.Publish(t.Context(), messages...); err != nil {
		t.Fatal(err)
	}
	last := make(chan struct{})
	var once sync.Once
	go func() {
		_ = b.Consume(t.Context(), bus.Subscription{Group: "g-" + topic, Topics: []string{topic}, BatchSize: 1, Handle: func(_ context.Context, batch []bus.Message) error {
			switch batch[0].Value[0] {
			case 2:
				return bus.Poison(errors.New("no"))
			case 4:
				once.Do(func() { close(last) })
			}
			return nil
		}})
	}()
	select {
	case <-last:
	case <-time.After(patience):
		t.Fatal("nothing was delivered")
	}
	if err := b.Close(); err != nil { // also waits for the last commit
		t.Fatal(err)
	}
	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			if sum, ok := m.Data.(metricdata.Sum[int64]); ok {
				for _, p := range sum.DataPoints {
					got[m.Name] += p.Value
				}
			}
		}
	}
	// The dead letter is published as well.
	want := map[string]int64{"douyin_bus_published_messages": 6, "douyin_bus_consumed_messages": 5, "douyin_bus_dead_letters": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// freezer is a listener whose connections can all fall silent without closing,
// as those of a machine that lost its network do.
type freezer struct {
	net.Listener
	era *atomic.Int32
}

type freezing struct {
	net.Conn
	born int32
	era  *atomic.Int32
}

func (f freezer) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &freezing{c, f.era.Load(), f.era}, nil
}

func (c *freezing) Write(p []byte) (int, error) {
	if c.born != c.era.Load() {
		return len(p), nil // lost
	}
	return c.Conn.Write(p)
}

func TestConsumerSurvivesConnectionsThatFallSilent(t *testing.T) {
	t.Parallel()
	var era atomic.Int32
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(func(network, address string) (net.Listener, error) {
		l, err := net.Listen(network, address)
		return freezer{l, &era}, err
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	b := connect(t, cluster.ListenAddrs()[0])
	topic := ensure(t, b, "silent")
	in := deliver(t, b, "g-"+topic, topic)
	if err := b.Publish(t.Context(), bus.Message{Topic: topic, Value: []byte("before")}); err != nil {
		t.Fatal(err)
	}
	receive(t, in)
	era.Add(1)
	for {
		if err := b.Publish(t.Context(), bus.Message{Topic: topic, Value: []byte("after")}); err == nil {
			break
		} else if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
	for m := receive(t, in); string(m.Value) != "after"; m = receive(t, in) {
	}
}
