package broker_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"douyin.dev/services/operator/broker"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/bus/kafkatest"
	"douyin.dev/services/platform/infratest"
)

func TestMain(m *testing.M) { infratest.Main(m) }

// TestOnTheBrokerOfTheRun runs on the embedded broker, or on what devinfra started.
func TestOnTheBrokerOfTheRun(t *testing.T) {
	t.Parallel()
	suite(t, infratest.Kafka(t))
}

// TestOnApacheKafka needs Java, Maven and a minute: make test-infra sets
// DOUYIN_TEST_KAFKA_START to run it.
func TestOnApacheKafka(t *testing.T) {
	if os.Getenv("DOUYIN_TEST_KAFKA_START") == "" {
		t.Skip("DOUYIN_TEST_KAFKA_START is not set")
	}
	t.Parallel()
	server, err := kafkatest.New(t.Context(), t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	suite(t, []string{server.Addr()})
}

func suite(t *testing.T, brokers []string) {
	for name, run := range map[string]func(*testing.T, rig){
		"CreatesATopicAndItsTwinOnce":         createsOnce,
		"WidensAndLeavesAWiderTopicAlone":     widens,
		"SetsRetentionAndNothingElse":         retains,
		"DeletesWhatIsThere":                  deletes,
		"CountsLagFromTheFirstRecordOn":       countsLag,
		"TellsWhenTheNextRecordWasPublished":  tellsAge,
		"ReplaysLettersUpToABoundInSteps":     replaysInSteps,
		"FindsNoGroupAndNoTopicWithoutErrors": findsNothing,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, newRig(t, brokers))
		})
	}
}

type rig struct {
	*broker.Broker
	bus   *bus.Bus
	topic string
}

func newRig(t *testing.T, brokers []string) rig {
	t.Helper()
	k, err := broker.Connect(t.Context(), broker.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	b, err := bus.Connect(t.Context(), bus.Config{Brokers: brokers, ClientID: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(k.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	})
	return rig{k, b, "test.v1.Happened-" + rand.Text()[:10]}
}

func (r rig) create(t *testing.T, partitions int) {
	t.Helper()
	must(t, r.Create(t.Context(), bus.TopicSpec{Name: r.topic, Partitions: partitions, Replication: 1, Retention: time.Hour}))
}

// awaits asks until the answer is as wanted: brokers learn of a change one after the other.
func (r rig) awaits(t *testing.T, want map[string]broker.Topic) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		got, err := r.Topics(t.Context(), r.topic, bus.DeadTopic(r.topic))
		must(t, err)
		diff := cmp.Diff(want, got, cmpopts.EquateEmpty())
		if diff == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
}

func (r rig) publish(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		must(t, r.bus.Publish(t.Context(), bus.Message{Topic: r.topic, Key: fmt.Append(nil, i), Value: fmt.Append(nil, i), Headers: map[string]string{bus.HeaderEventID: fmt.Sprint(i)}}))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const month = 30 * 24 * time.Hour

func createsOnce(t *testing.T, r rig) {
	want := map[string]broker.Topic{r.topic: {3, 1, time.Hour}, bus.DeadTopic(r.topic): {1, 1, month}}
	r.create(t, 3)
	r.awaits(t, want)
	r.create(t, 5)
	r.awaits(t, want)
}

func widens(t *testing.T, r rig) {
	r.create(t, 2)
	r.publish(t, 8)
	must(t, r.Widen(t.Context(), r.topic, 5))
	want := map[string]broker.Topic{r.topic: {5, 1, time.Hour}, bus.DeadTopic(r.topic): {1, 1, month}}
	r.awaits(t, want)
	for _, n := range []int32{5, 4} {
		must(t, r.Widen(t.Context(), r.topic, n))
	}
	r.awaits(t, want)
	positions, err := r.Positions(t.Context(), "nobody", map[string]broker.Topic{r.topic: {Partitions: 5}})
	must(t, err)
	if n := broker.Backlog(positions); n != 8 {
		t.Errorf("%d records after widening, want 8", n)
	}
}

func retains(t *testing.T, r rig) {
	r.create(t, 1)
	must(t, r.Retain(t.Context(), r.topic, 36*time.Hour))
	r.awaits(t, map[string]broker.Topic{r.topic: {1, 1, 36 * time.Hour}, bus.DeadTopic(r.topic): {1, 1, month}})
}

func deletes(t *testing.T, r rig) {
	r.create(t, 1)
	r.awaits(t, map[string]broker.Topic{r.topic: {1, 1, time.Hour}, bus.DeadTopic(r.topic): {1, 1, month}})
	must(t, r.Delete(t.Context(), r.topic, bus.DeadTopic(r.topic)))
	r.awaits(t, nil)
	must(t, r.Delete(t.Context(), r.topic, bus.DeadTopic(r.topic)))
}

func countsLag(t *testing.T, r rig) {
	r.create(t, 2)
	r.publish(t, 10)
	topics := map[string]broker.Topic{r.topic: {Partitions: 2}}
	group := "g-" + r.topic
	before, err := r.Positions(t.Context(), group, topics)
	must(t, err)
	if len(before) != 2 || broker.Backlog(before) != 10 || before[0].Committed != -1 {
		t.Fatalf("before: %+v", before)
	}
	r.consume(t, group, 10)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		after, err := r.Positions(t.Context(), group, topics)
		must(t, err)
		if broker.Backlog(after) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after: %+v", after)
		}
	}
}

// consume handles n messages as a member of the group.
func (r rig) consume(t *testing.T, group string, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	left := n
	seen := make(chan int, n)
	go func() {
		for n := range seen {
			if left -= n; left == 0 {
				// Later: the commit follows the handler.
				time.AfterFunc(300*time.Millisecond, cancel)
			}
		}
	}()
	must(t, r.bus.Consume(ctx, bus.Subscription{Group: group, Topics: []string{r.topic}, Handle: func(_ context.Context, batch []bus.Message) error {
		seen <- len(batch)
		return nil
	}}))
	close(seen)
}

func tellsAge(t *testing.T, r rig) {
	r.create(t, 1)
	began := time.Now().Truncate(time.Millisecond)
	r.publish(t, 3)
	for committed, want := range map[int64]bool{-1: true, 2: true, 3: false} {
		at, err := r.Published(t.Context(), broker.Position{Topic: r.topic, First: 0, End: 3, Committed: committed})
		must(t, err)
		if got := !at.IsZero(); got != want {
			t.Errorf("committed %d: a record waits: %v, want %v", committed, got, want)
		}
		if want && (at.Before(began) || at.After(time.Now())) {
			t.Errorf("committed %d: published %v, not since %v", committed, at, began)
		}
	}
}

func replaysInSteps(t *testing.T, r rig) {
	r.create(t, 1)
	for i := range 5 {
		r.bury(t, i)
	}
	letters, err := r.Letters(t.Context(), r.topic)
	must(t, err)
	if diff := cmp.Diff(bus.Letters{End: 5, Kept: 5, Unreplayed: 5}, letters); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	r.bury(t, 5) // after the bound
	var got []bus.ReplayStep
	for range 3 {
		step, err := r.ReplayUntil(t.Context(), r.topic, letters.End, 2)
		must(t, err)
		got = append(got, step)
	}
	want := []bus.ReplayStep{{Replayed: 2, Left: 3}, {Replayed: 2, Left: 1}, {Replayed: 1, Left: 0, Done: true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	positions, err := r.Positions(t.Context(), "", map[string]broker.Topic{r.topic: {Partitions: 1}})
	must(t, err)
	if n := broker.Backlog(positions); n != 5 {
		t.Errorf("%d records at the origin, want 5", n)
	}
	letters, err = r.Letters(t.Context(), r.topic)
	must(t, err)
	if diff := cmp.Diff(bus.Letters{End: 6, Kept: 6, Unreplayed: 1}, letters); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// bury publishes a dead letter as a consumer would.
func (r rig) bury(t *testing.T, i int) {
	t.Helper()
	must(t, r.bus.Publish(t.Context(), bus.Message{Topic: bus.DeadTopic(r.topic), Value: fmt.Append(nil, i), Headers: map[string]string{
		bus.HeaderEventID: fmt.Sprint(i), bus.HeaderOriginTopic: r.topic, bus.HeaderOriginPartition: "0", bus.HeaderOriginOffset: fmt.Sprint(i), bus.HeaderError: "test",
	}}))
}

func findsNothing(t *testing.T, r rig) {
	got, err := r.Topics(t.Context(), r.topic)
	must(t, err)
	if len(got) != 0 {
		t.Errorf("found %v", got)
	}
	must(t, r.Ping(t.Context()))
}

func TestALagIsCountedFromWhereTheGroupWillRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		p    broker.Position
		next int64
	}{
		"a new group":                   {broker.Position{First: 5, End: 9, Committed: -1}, 5},
		"in the middle":                 {broker.Position{First: 5, End: 9, Committed: 7}, 7},
		"at the end":                    {broker.Position{First: 5, End: 9, Committed: 9}, 9},
		"overtaken by retention":        {broker.Position{First: 5, End: 9, Committed: 2}, 5},
		"of a topic that was made anew": {broker.Position{First: 0, End: 3, Committed: 50}, 0},
		"nothing was ever published":    {broker.Position{First: 0, End: 0, Committed: -1}, 0},
		"retention took all there was":  {broker.Position{First: 9, End: 9, Committed: 4}, 9},
		"committed at an emptied topic": {broker.Position{First: 9, End: 9, Committed: 9}, 9},
	} {
		if got := tt.p.Next(); got != tt.next || tt.p.Lag() != tt.p.End-tt.next {
			t.Errorf("%s: next %d, lag %d, want %d, %d", name, got, tt.p.Lag(), tt.next, tt.p.End-tt.next)
		}
	}
}
