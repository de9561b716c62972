package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// replayGroup is the consumer group whose offsets record what was replayed. It
// has no members, so brokers forget its offsets after offsets.retention.minutes
// (a week by default): set that to at least deadRetention.
const replayGroup = "douyin-deadletter-replay"

// DeadLetter is a message nobody could handle, with where it came from. Its key
// and value are not in it: messages are private.
type DeadLetter struct {
	// Topic, Partition and Offset are where the message was delivered from, Group to whom.
	Topic     string
	Partition string
	Offset    string
	Group     string
	EventID   string
	// Error is what the group said about it.
	Error string
	// Letter is the offset in the dead topic, which names the letter.
	Letter int64
	// Died is when it was buried.
	Died time.Time
	// Replayed says that it was published again.
	Replayed bool
}

// Replay failures.
var (
	ErrReplayed  = errors.New("letter was replayed already")
	ErrNoLetter  = errors.New("no such letter")
	ErrValueGone = errors.New("letter was too large to hold its value, and its origin is gone")
)

// DeadLetters calls see with every letter of a topic, oldest first.
func (b *Bus) DeadLetters(ctx context.Context, topic string, see func(DeadLetter) error) error {
	done, err := b.replayProgress(ctx, topic)
	if err != nil {
		return err
	}
	return b.scan(ctx, graveyard(topic), 0, func(m Message) error {
		return see(DeadLetter{
			Topic: m.Headers[HeaderOriginTopic], Partition: m.Headers[HeaderOriginPartition], Offset: m.Headers[HeaderOriginOffset],
			Group: m.Headers[HeaderOriginGroup], EventID: m.Headers[HeaderEventID], Error: m.Headers[HeaderError],
			Letter: m.Offset, Died: m.Time, Replayed: done.has(m.Offset),
		})
	})
}

// TopicsWithDeadLetters returns the topics that have a dead twin with letters in it.
func (b *Bus) TopicsWithDeadLetters(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := b.client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	var topics []string
	for _, t := range res.Topics {
		origin, dead := strings.CutSuffix(t.Name, deadSuffix)
		if !dead {
			continue
		}
		first, end, err := b.awaitOffsets(ctx, graveyard(origin))
		if err != nil {
			return nil, err
		}
		if end > first {
			topics = append(topics, origin)
		}
	}
	slices.Sort(topics)
	return topics, nil
}

// Replay publishes one letter to its origin topic again, with its key and its
// event id, and records that it did.
func (b *Bus) Replay(ctx context.Context, topic string, letter int64) error {
	done, err := b.replayProgress(ctx, topic)
	if err != nil {
		return err
	}
	if done.has(letter) {
		return ErrReplayed
	}
	found := false
	err = b.scan(ctx, graveyard(topic), letter, func(m Message) error {
		if m.Offset != letter {
			return errStop
		}
		found = true
		return b.replay(ctx, topic, m, done)
	})
	if err == nil && !found {
		return ErrNoLetter
	}
	return err
}

// ReplayAll replays every letter not replayed yet that was there when it began,
// oldest first, and returns how many. A letter without a value is left where it
// is and reported at the end.
func (b *Bus) ReplayAll(ctx context.Context, topic string) (int, error) {
	done, err := b.replayProgress(ctx, topic)
	if err != nil {
		return 0, err
	}
	n := 0
	var gone error
	err = b.scan(ctx, graveyard(topic), done.Next, func(m Message) error {
		if done.has(m.Offset) {
			return nil
		}
		err := b.replay(ctx, topic, m, done)
		switch {
		case err == nil:
			n++
		case errors.Is(err, ErrValueGone):
			gone = errors.Join(gone, err)
			return nil
		}
		return err
	})
	return n, errors.Join(err, gone)
}

// replay publishes and then records. A crash between the two replays the letter
// twice, with the same event id; the other order could lose it.
func (b *Bus) replay(ctx context.Context, topic string, m Message, done *replayed) error {
	if len(done.Ahead) >= maxAhead {
		return fmt.Errorf("too many letters replayed out of order, replay letter %d first", done.Next)
	}
	if m.Headers[HeaderValueOmitted] != "" {
		value, err := b.originValue(ctx, m)
		if err != nil {
			return fmt.Errorf("letter %d: %w", m.Offset, err)
		}
		m.Value = value
	}
	headers := maps.Clone(m.Headers)
	for _, h := range []string{HeaderOriginTopic, HeaderOriginPartition, HeaderOriginOffset, HeaderOriginGroup, HeaderError, HeaderValueOmitted} {
		delete(headers, h)
	}
	if err := b.Publish(ctx, Message{Topic: topic, Key: m.Key, Value: m.Value, Headers: headers}); err != nil {
		return fmt.Errorf("replay letter %d: %w", m.Offset, err)
	}
	done.add(m.Offset)
	return b.saveReplayProgress(ctx, topic, done)
}

// originValue reads a value that was too large for the dead topic where it came from.
func (b *Bus) originValue(ctx context.Context, m Message) ([]byte, error) {
	partition, err := strconv.Atoi(m.Headers[HeaderOriginPartition])
	if err != nil {
		return nil, fmt.Errorf("header %s: %w", HeaderOriginPartition, err)
	}
	offset, err := strconv.ParseInt(m.Headers[HeaderOriginOffset], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("header %s: %w", HeaderOriginOffset, err)
	}
	got, err := b.fetch(ctx, destination{m.Headers[HeaderOriginTopic], partition}, offset, fetchWait)
	if errors.Is(err, kafka.OffsetOutOfRange) || err == nil && (len(got.messages) == 0 || got.messages[0].Offset != offset) {
		return nil, ErrValueGone
	}
	if err != nil {
		return nil, fmt.Errorf("read origin: %w", err)
	}
	return got.messages[0].Value, nil
}

// graveyard is the one partition of a dead topic.
func graveyard(topic string) destination { return destination{DeadTopic(topic), 0} }

// errStop ends a scan early.
var errStop = errors.New("stop")

// scan calls see with what a partition holds now, from an offset on.
func (b *Bus) scan(ctx context.Context, of destination, from int64, see func(Message) error) error {
	if err := b.exists(ctx, of.topic); err != nil {
		return err
	}
	first, end, err := b.awaitOffsets(ctx, of)
	if err != nil {
		return err
	}
	retry := backoff{min: 50 * time.Millisecond, max: time.Second}
	for at := max(from, first); at < end; {
		got, err := b.fetch(ctx, of, at, fetchWait)
		if err != nil {
			if permanent(err) || !retry.wait(ctx) {
				return fmt.Errorf("read %s: %w", of.topic, err)
			}
			continue
		}
		for _, m := range got.messages {
			if m.Offset >= end {
				return nil
			}
			if err := see(m); errors.Is(err, errStop) {
				return nil
			} else if err != nil {
				return err
			}
		}
		at = got.next
	}
	return nil
}

func (b *Bus) exists(ctx context.Context, topic string) error {
	counts, err := b.partitions(ctx, topic)
	if err == nil && counts[topic] == 0 {
		err = fmt.Errorf("topic %s: %w", topic, kafka.UnknownTopicOrPartition)
	}
	return err
}

// maxAhead bounds the runs of letters replayed out of order: they are stored in
// the metadata of a commit, which brokers limit to 4096 bytes.
const maxAhead = 100

// replayed is which letters were replayed: all before Next, and those in the
// runs after it. It is the offset and the metadata of a commit.
type replayed struct {
	Next  int64
	Ahead []run
}

// run is the letters from the first offset on, up to but without the second.
type run [2]int64

func (r *replayed) has(letter int64) bool {
	return letter < r.Next || slices.ContainsFunc(r.Ahead, func(a run) bool { return a[0] <= letter && letter < a[1] })
}

func (r *replayed) add(letter int64) {
	if r.has(letter) {
		return
	}
	r.Ahead = append(r.Ahead, run{letter, letter + 1})
	slices.SortFunc(r.Ahead, func(a, b run) int { return cmp.Compare(a[0], b[0]) })
	var merged []run
	for _, a := range r.Ahead {
		switch last := len(merged) - 1; {
		case a[0] <= r.Next:
			r.Next = max(r.Next, a[1])
		case last >= 0 && merged[last][1] == a[0]:
			merged[last][1] = a[1]
		default:
			merged = append(merged, a)
		}
	}
	r.Ahead = merged
}

func (b *Bus) replayProgress(ctx context.Context, topic string) (*replayed, error) {
	of := graveyard(topic)
	if err := b.exists(ctx, of.topic); err != nil {
		return nil, err
	}
	first, _, err := b.awaitOffsets(ctx, of)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	retry := backoff{min: 50 * time.Millisecond, max: time.Second}
	for {
		done, err := b.fetchReplayProgress(ctx, of)
		if err == nil {
			// What retention took away is dealt with.
			done.Next = max(done.Next, first)
			return done, nil
		}
		if permanent(err) || !retry.wait(ctx) {
			return nil, fmt.Errorf("read replay progress: %w", err)
		}
	}
}

func (b *Bus) fetchReplayProgress(ctx context.Context, of destination) (*replayed, error) {
	res, err := b.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: replayGroup, Topics: map[string][]int{of.topic: {of.partition}}})
	if err != nil {
		return nil, err
	}
	// Brokers that say so mean what others say with offset -1: nothing yet.
	if errors.Is(res.Error, kafka.GroupIdNotFound) {
		return &replayed{}, nil
	}
	if res.Error != nil {
		return nil, res.Error
	}
	done := &replayed{}
	for _, p := range res.Topics[of.topic] {
		switch {
		case p.Partition != of.partition:
		case p.Error != nil:
			return nil, p.Error
		case p.CommittedOffset >= 0:
			done.Next = p.CommittedOffset
			if p.Metadata != "" {
				if err := json.Unmarshal([]byte(p.Metadata), &done.Ahead); err != nil {
					return nil, fmt.Errorf("decode metadata of group %s: %w", replayGroup, err)
				}
			}
		}
	}
	return done, nil
}

func (b *Bus) saveReplayProgress(ctx context.Context, topic string, done *replayed) error {
	ahead := []byte{}
	if len(done.Ahead) > 0 {
		ahead, _ = json.Marshal(done.Ahead) // numbers always encode
	}
	of := graveyard(topic)
	retry := backoff{min: 50 * time.Millisecond, max: time.Second}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	for {
		err := b.commitReplayProgress(ctx, of, kafka.OffsetCommit{Partition: of.partition, Offset: done.Next, Metadata: string(ahead)})
		if err == nil {
			return nil
		}
		if permanent(err) || !retry.wait(ctx) {
			return fmt.Errorf("record replay progress: %w", err)
		}
	}
}

// commitReplayProgress commits as a group without members.
func (b *Bus) commitReplayProgress(ctx context.Context, of destination, c kafka.OffsetCommit) error {
	res, err := b.client.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
		GroupID: replayGroup, GenerationID: -1, Topics: map[string][]kafka.OffsetCommit{of.topic: {c}},
	})
	if err != nil {
		return err
	}
	for _, p := range res.Topics[of.topic] {
		if p.Error != nil {
			return p.Error
		}
	}
	return nil
}
