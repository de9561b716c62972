package bus_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"

	"douyin.dev/services/platform/bus"
)

func TestDeadLetterCommandListsAndReplays(t *testing.T) {
	t.Parallel()
	b := connect(t, start(t, newBroker(t)))
	const topic = "shop.v1.Sold"
	if err := b.EnsureTopics(t.Context(), bus.TopicSpec{Name: topic, Replication: 1}, bus.TopicSpec{Name: "shop.v1.Idle", Replication: 1}); err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(t.Context(), bus.Message{Topic: topic, Key: []byte("7"), Value: []byte("canary"), Headers: map[string]string{bus.HeaderEventID: "shop-1"}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	consumed := make(chan error, 1)
	go func() {
		consumed <- b.Consume(ctx, bus.Subscription{Group: "counter", Topics: []string{topic}, Handle: func(context.Context, []bus.Message) error {
			return bus.Poison(errors.New("no such shop"))
		}})
	}()
	var died time.Time
	for died.IsZero() {
		if err := b.DeadLetters(t.Context(), topic, func(d bus.DeadLetter) error { died = d.Died; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-consumed; err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		parser, err := kong.New(&bus.DeadLetterCommand{})
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.Parse(args)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		now := func() time.Time { return died.Add(90 * time.Minute) }
		if err := parsed.Run(&bus.Shell{Context: t.Context(), Bus: b, Out: &out, Now: now}); err != nil {
			out.WriteString(err.Error())
		}
		return out.String()
	}
	var got strings.Builder
	for _, args := range [][]string{
		{"list"}, {"replay", "--topic", topic, "--offset", "0"}, {"replay", "--topic", topic, "--offset", "0"},
		{"replay", "--topic", topic, "--all"}, {"list", "--topic", topic},
	} {
		got.WriteString(strings.TrimSpace(run(args...)) + "\n")
	}
	want := `TOPIC         LETTER  ORIGIN  GROUP    EVENT   AGE      REPLAYED  ERROR
shop.v1.Sold  0       0/0     counter  shop-1  1h30m0s  no        no such shop
replayed letter 0 of shop.v1.Sold
letter 0 of shop.v1.Sold: letter was replayed already
replayed 0 letters of shop.v1.Sold
TOPIC         LETTER  ORIGIN  GROUP    EVENT   AGE      REPLAYED  ERROR
shop.v1.Sold  0       0/0     counter  shop-1  1h30m0s  yes       no such shop
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}

// A partition that is between two leaders has one a moment later.
func TestLettersAreCountedWhileALeaderMoves(t *testing.T) {
	t.Parallel()
	f := newBroker(t)
	b := connect(t, start(t, f))
	topic := ensure(t, b, "moving")
	var refused atomic.Int32
	f.cluster.ControlKey(kmsg.ListOffsets.Int16(), func(asked kmsg.Request) (kmsg.Response, error, bool) {
		if refused.Add(1) > 3 {
			return nil, nil, false
		}
		f.cluster.KeepControl()
		answer := asked.ResponseKind().(*kmsg.ListOffsetsResponse)
		for _, topic := range asked.(*kmsg.ListOffsetsRequest).Topics {
			out := kmsg.NewListOffsetsResponseTopic()
			out.Topic = topic.Topic
			for _, p := range topic.Partitions {
				moving := kmsg.NewListOffsetsResponseTopicPartition()
				moving.Partition, moving.ErrorCode = p.Partition, int16(kafka.NotLeaderForPartition)
				out.Partitions = append(out.Partitions, moving)
			}
			answer.Topics = append(answer.Topics, out)
		}
		return answer, nil, true
	})
	if letters, err := b.Letters(t.Context(), topic); err != nil || letters != (bus.Letters{}) {
		t.Errorf("%+v, %v", letters, err)
	}
	if refused.Load() < 3 {
		t.Errorf("%d answers from a partition without a leader", refused.Load())
	}
}
