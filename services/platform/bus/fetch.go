package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	// fetchWait is how long the broker holds a fetch that finds nothing. It does
	// not delay delivery: an append answers the fetch at once.
	fetchWait  = 500 * time.Millisecond
	fetchBytes = 1 << 20
)

// fetched is what a fetch brought.
type fetched struct {
	messages []Message
	// next is the offset after the last record, also of records that are no messages.
	next int64
	// end is the offset the next published message will have.
	end int64
}

// fetch reads a partition from an offset on, waiting at most wait for something to be there.
func (b *Bus) fetch(ctx context.Context, from destination, offset int64, wait time.Duration) (fetched, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+requestTimeout)
	defer cancel()
	res, err := b.client.Fetch(ctx, &kafka.FetchRequest{
		Topic: from.topic, Partition: from.partition, Offset: offset,
		MinBytes: 1, MaxBytes: fetchBytes, MaxWait: max(wait, time.Millisecond),
	})
	if err != nil {
		return fetched{}, err
	}
	if res.Error != nil {
		return fetched{}, res.Error
	}
	out := fetched{next: offset, end: res.HighWatermark}
	for {
		r, err := res.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, fmt.Errorf("decode records: %w", err)
		}
		m, err := decode(from, r)
		if err != nil {
			return out, fmt.Errorf("decode record %d: %w", r.Offset, err)
		}
		// A batch is sent whole: its head may lie before the offset asked for.
		if r.Offset >= out.next {
			out.messages = append(out.messages, m)
			out.next = r.Offset + 1
		}
	}
}

// decode copies a record, whose memory belongs to the client, into a message.
func decode(from destination, r *kafka.Record) (Message, error) {
	m := Message{Topic: from.topic, Partition: from.partition, Offset: r.Offset, Time: r.Time, Headers: make(map[string]string, len(r.Headers))}
	for _, h := range r.Headers {
		m.Headers[h.Key] = string(h.Value)
	}
	var err error
	if m.Key, err = readAll(r.Key); err != nil {
		return Message{}, err
	}
	m.Value, err = readAll(r.Value)
	return m, err
}

func readAll(b kafka.Bytes) ([]byte, error) {
	if b == nil {
		return nil, nil
	}
	out, err := kafka.ReadAll(b)
	return out, errors.Join(err, b.Close())
}

// offsets returns the first offset kept and the end of a partition.
func (b *Bus) offsets(ctx context.Context, of destination) (first, end int64, err error) {
	return offsets(ctx, b.client, of)
}

func offsets(ctx context.Context, client *kafka.Client, of destination) (first, end int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
		of.topic: {kafka.FirstOffsetOf(of.partition), kafka.LastOffsetOf(of.partition)},
	}})
	if err != nil {
		return 0, 0, fmt.Errorf("list offsets: %w", err)
	}
	for _, p := range res.Topics[of.topic] {
		if p.Partition == of.partition {
			return p.FirstOffset, p.LastOffset, p.Error
		}
	}
	return 0, 0, fmt.Errorf("list offsets: %w", kafka.UnknownTopicOrPartition)
}

// awaitOffsets is offsets for those who do not come back: it tries for a while,
// since a partition between two leaders has one a moment later.
func (b *Bus) awaitOffsets(ctx context.Context, of destination) (first, end int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	retry := backoff{min: 50 * time.Millisecond, max: 500 * time.Millisecond}
	for {
		first, end, err = b.offsets(ctx, of)
		if err == nil || permanent(err) || b.running.Err() != nil || !retry.wait(ctx) {
			return first, end, err
		}
	}
}
