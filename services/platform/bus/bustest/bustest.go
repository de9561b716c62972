package bustest

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"douyin.dev/services/platform/bus"
)

// patience bounds every wait of the suite: longer than a session timeout and a
// rebalance on a busy machine.
const patience = 60 * time.Second

// Option changes what Run does.
type Option func(*suite)

// Restartable adds the test of a broker restart. start opens a bus on a broker
// of its own and returns with it a function that stops the broker, calls
// whileDown, and starts it again with its data.
func Restartable(start func(t *testing.T) (*bus.Bus, func(whileDown func()))) Option {
	return func(s *suite) { s.restartable = start }
}

// Short leaves out all but what uses each kind of connection: for the same broker
// reached in another way.
func Short() Option { return func(s *suite) { s.short = true } }

type suite struct {
	short       bool
	open        func(t *testing.T) *bus.Bus
	restartable func(t *testing.T) (*bus.Bus, func(whileDown func()))
}

// Run runs the suite. open connects a new Bus and closes it with the test; all
// may reach the same broker, for every test uses topics and groups of its own.
func Run(t *testing.T, open func(t *testing.T) *bus.Bus, options ...Option) {
	s := &suite{open: open}
	for _, o := range options {
		o(s)
	}
	type test struct {
		name string
		run  func(*testing.T)
	}
	tests := []test{
		{"KeepsOrderPerKey", s.keepsOrderPerKey},
		{"IsolatesPoison", s.isolatesPoison},
		{"GroupSharesPartitionsAndRebalances", s.groupSharesPartitions},
		{"ReplaysDeadLettersOnce", s.replaysDeadLettersOnce},
	}
	rest := []test{
		{"DeliversAgainAfterDeathWithoutCommit", s.deliversAgainAfterDeath},
		{"RetriesTransientErrors", s.retriesTransientErrors},
		{"ConsumerWaitsForItsTopic", s.consumerWaitsForItsTopic},
		{"NewGroupReplaysFromTheFirstOffset", s.newGroupReplays},
		{"MemberThatReturnsGoesOnAtTheCommit", s.memberGoesOnAtTheCommit},
		{"IdleConsumerIsFast", s.idleConsumerIsFast},
		{"WaitsToFillABatch", s.waitsToFillABatch},
		{"BrokerRestarts", s.brokerRestarts},
	}
	if !s.short {
		tests = append(tests, rest...)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.run(t)
		})
	}
}

// unique returns a name nobody has used on this broker.
func unique(prefix string) string { return prefix + "-" + rand.Text()[:10] }

// topic creates a topic.
func topic(t *testing.T, b *bus.Bus, partitions int) string {
	t.Helper()
	name := unique("test.v1.Happened")
	ensure(t, b, name, partitions)
	return name
}

func ensure(t *testing.T, b *bus.Bus, name string, partitions int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := b.EnsureTopics(ctx, bus.TopicSpec{Name: name, Partitions: partitions, Replication: 1, Retention: time.Hour}); err != nil {
		t.Fatal(err)
	}
}

func publish(t *testing.T, b *bus.Bus, messages ...bus.Message) {
	t.Helper()
	if err := b.Publish(t.Context(), messages...); err != nil {
		t.Fatal(err)
	}
}

// numbered returns messages of one key whose values count up.
func numbered(topic, key string, from, to int) []bus.Message {
	var out []bus.Message
	for i := from; i < to; i++ {
		out = append(out, bus.Message{
			Topic: topic, Key: []byte(key), Value: fmt.Appendf(nil, "%s:%d", key, i),
			Headers: map[string]string{bus.HeaderEventID: fmt.Sprintf("%s-%d", key, i)},
		})
	}
	return out
}

// consume runs a consumer until the test ends or the returned function is
// called, which waits for its end.
func consume(t *testing.T, b *bus.Bus, sub bus.Subscription) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Consume(ctx, sub) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Consume: %v", err)
			}
		case <-time.After(patience):
			t.Error("Consume does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

// inbox collects what a handler accepted.
type inbox struct {
	mu       sync.Mutex
	messages []bus.Message
	changed  chan struct{}
}

func newInbox() *inbox { return &inbox{changed: make(chan struct{})} }

func (i *inbox) handle(_ context.Context, batch []bus.Message) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.messages = append(i.messages, batch...)
	close(i.changed)
	i.changed = make(chan struct{})
	return nil
}

func (i *inbox) all() []bus.Message {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.messages)
}

func (i *inbox) values() []string { return valuesOf(i.all()) }

// await waits until what arrived satisfies enough, and returns its values.
func (i *inbox) await(t *testing.T, what string, enough func(values []string) bool) []string {
	t.Helper()
	deadline := time.After(patience)
	for {
		i.mu.Lock()
		changed := i.changed
		i.mu.Unlock()
		if v := i.values(); enough(v) {
			return v
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("did not arrive: %s; got %d messages: %.500v", what, len(i.values()), i.values())
		}
	}
}

// distinct drops repeated deliveries: a broker may deliver twice, but the first
// time each arrives has to be in order.
func distinct(values []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool {
		again := seen[v]
		seen[v] = true
		return again
	})
}

func holds(n int) func([]string) bool {
	return func(v []string) bool { return len(distinct(v)) >= n }
}

func valuesOf(messages []bus.Message) []string {
	var out []string
	for _, m := range messages {
		out = append(out, string(m.Value))
	}
	return out
}
