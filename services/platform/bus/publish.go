package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"
)

const (
	// chunkBytes and chunkMessages bound one produce request. Brokers refuse
	// batches over 1 MiB by default; the rest is room for framing.
	chunkBytes    = 900 << 10
	chunkMessages = 5000
	// publishPatience is how long Publish tries before it gives the error to
	// the caller, if ctx does not end before.
	publishPatience = 15 * time.Second
	// partitionsAtOnce bounds the connections one Publish opens.
	partitionsAtOnce = 8
)

// destination is a partition of a topic.
type destination struct {
	topic     string
	partition int
}

// Publish implements Publisher.
func (b *Bus) Publish(ctx context.Context, messages ...Message) error {
	if len(messages) == 0 {
		return nil
	}
	if b.running.Err() != nil {
		return ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, publishPatience)
	defer cancel()
	counts := map[string]int{}
	for _, m := range messages {
		counts[m.Topic] = 0
	}
	for topic := range counts {
		n, err := b.awaitPartitions(ctx, topic)
		if err != nil {
			return fmt.Errorf("publish to %s: %w", topic, err)
		}
		counts[topic] = n
	}
	trace := traceparent(ctx)
	records := map[destination][]record{}
	for _, m := range messages {
		to := destination{m.Topic, partitionOf(m.Key, counts[m.Topic])}
		records[to] = append(records[to], record{m.Key, m.Value, encodeHeaders(m.Headers, trace)})
	}
	// A group without a context: a partition that fails does not stop the
	// others, whose messages are as good.
	var group errgroup.Group
	group.SetLimit(partitionsAtOnce)
	for to, rs := range records {
		group.Go(func() error { return b.publishTo(ctx, to, rs) })
	}
	return group.Wait()
}

// partitionOf is the choice of the Java clients: murmur2 of the key, and one
// partition for all messages without one.
func partitionOf(key []byte, partitions int) int {
	all := make([]int, partitions)
	for i := range all {
		all[i] = i
	}
	return kafka.Murmur2Balancer{Consistent: true}.Balance(kafka.Message{Key: key}, all...)
}

// record is what is sent of a message.
type record struct {
	key, value []byte
	headers    []kafka.Header
}

func (r record) size() int {
	n := len(r.key) + len(r.value) + 32
	for _, h := range r.headers {
		n += len(h.Key) + len(h.Value) + 8
	}
	return n
}

// publishTo sends the records of a partition, a chunk after the other, and
// stops at the first that fails: the rest must not overtake it.
func (b *Bus) publishTo(ctx context.Context, to destination, records []record) error {
	for len(records) > 0 {
		n, size := 0, 0
		for n < len(records) && n < chunkMessages && (n == 0 || size+records[n].size() <= chunkBytes) {
			size += records[n].size()
			n++
		}
		if err := b.produceUntilAcked(ctx, to, records[:n]); err != nil {
			b.metrics.publishFailed(ctx, to.topic, len(records))
			return fmt.Errorf("publish to %s: %w", to.topic, err)
		}
		b.metrics.published(ctx, to.topic, n)
		records = records[n:]
	}
	return nil
}

func (b *Bus) produceUntilAcked(ctx context.Context, to destination, records []record) error {
	retry := backoff{min: 20 * time.Millisecond, max: 500 * time.Millisecond}
	for {
		err := b.produce(ctx, to, records)
		if err == nil || permanent(err) || b.running.Err() != nil {
			return err
		}
		if !retry.wait(ctx) {
			return err
		}
	}
}

func (b *Bus) produce(ctx context.Context, to destination, records []record) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	// A reader is used up by an attempt, so each gets its own.
	rs := make([]kafka.Record, len(records))
	now := time.Now()
	for i, r := range records {
		rs[i] = kafka.Record{Key: kafka.NewBytes(r.key), Value: kafka.NewBytes(r.value), Headers: r.headers, Time: now}
	}
	res, err := b.client.Produce(ctx, &kafka.ProduceRequest{
		Topic: to.topic, Partition: to.partition,
		RequiredAcks: kafka.RequireAll,
		Records:      kafka.NewRecordReader(rs...),
	})
	if err != nil {
		return err
	}
	return res.Error
}

// permanent reports errors that no repetition cures.
func permanent(err error) bool {
	for _, p := range []kafka.Error{
		kafka.MessageSizeTooLarge, kafka.RecordListTooLarge, kafka.InvalidTopic, kafka.InvalidRecord,
		kafka.TopicAuthorizationFailed, kafka.ClusterAuthorizationFailed, kafka.InvalidRequiredAcks, kafka.UnsupportedVersion,
	} {
		if errors.Is(err, p) {
			return true
		}
	}
	return false
}

// encodeHeaders adds the caller's trace when the message has none.
func encodeHeaders(headers map[string]string, trace string) []kafka.Header {
	out := make([]kafka.Header, 0, len(headers)+1)
	for k, v := range headers {
		out = append(out, kafka.Header{Key: k, Value: []byte(v)})
	}
	if trace != "" && headers[HeaderTraceparent] == "" {
		out = append(out, kafka.Header{Key: HeaderTraceparent, Value: []byte(trace)})
	}
	return out
}
