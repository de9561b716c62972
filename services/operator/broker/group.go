package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
)

// Position is how far a group is in a partition.
type Position struct {
	Topic     string
	Partition int
	// First is the oldest offset kept, End the one the next record will have.
	First, End int64
	// Committed is the offset the group commits to read next; -1 for none.
	Committed int64
}

// Next is the offset the group reads next. A group without a commit, or with
// one that is not kept or does not exist yet, begins at the first record.
func (p Position) Next() int64 {
	if p.Committed < p.First || p.Committed > p.End {
		return p.First
	}
	return p.Committed
}

// Lag is how many records the group has not committed.
func (p Position) Lag() int64 { return p.End - p.Next() }

// Backlog is the lag over all positions.
func Backlog(positions []Position) int64 {
	var n int64
	for _, p := range positions {
		n += p.Lag()
	}
	return n
}

// Positions returns how far a group is in the partitions of topics, in order of
// topic and partition. For the group "" nothing is committed anywhere.
func (b *Broker) Positions(ctx context.Context, group string, topics map[string]Topic) ([]Position, error) {
	if len(topics) == 0 {
		return nil, nil
	}
	var out []Position
	err := again(ctx, func(ctx context.Context) (err error) {
		if out, err = b.ends(ctx, topics); err != nil || group == "" {
			return err
		}
		committed, err := b.committed(ctx, group, topics)
		if err != nil {
			return err
		}
		for i, p := range out {
			if offset, ok := committed[partitionOf{p.Topic, p.Partition}]; ok {
				out[i].Committed = offset
			}
		}
		return nil
	})
	slices.SortFunc(out, func(a, b Position) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return out, err
}

type partitionOf struct {
	topic     string
	partition int
}

func (b *Broker) ends(ctx context.Context, topics map[string]Topic) ([]Position, error) {
	req := &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{}}
	for name, t := range topics {
		for p := range int(t.Partitions) {
			req.Topics[name] = append(req.Topics[name], kafka.FirstOffsetOf(p), kafka.LastOffsetOf(p))
		}
	}
	res, err := b.client.ListOffsets(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("list offsets: %w", err)
	}
	var out []Position
	for name, partitions := range res.Topics {
		for _, p := range partitions {
			if p.Error != nil {
				return nil, fmt.Errorf("list offsets of %s: %w", name, p.Error)
			}
			out = append(out, Position{Topic: name, Partition: p.Partition, First: p.FirstOffset, End: p.LastOffset, Committed: -1})
		}
	}
	return out, nil
}

func (b *Broker) committed(ctx context.Context, group string, topics map[string]Topic) (map[partitionOf]int64, error) {
	req := &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{}}
	for name, t := range topics {
		for p := range int(t.Partitions) {
			req.Topics[name] = append(req.Topics[name], p)
		}
	}
	res, err := b.client.OffsetFetch(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("fetch offsets of %s: %w", group, err)
	}
	out := map[partitionOf]int64{}
	// A group nobody has heard of has committed nothing.
	if errors.Is(res.Error, kafka.GroupIdNotFound) {
		return out, nil
	}
	if res.Error != nil {
		return nil, fmt.Errorf("fetch offsets of %s: %w", group, res.Error)
	}
	for name, partitions := range res.Topics {
		for _, p := range partitions {
			if p.Error != nil {
				return nil, fmt.Errorf("fetch offsets of %s in %s: %w", group, name, p.Error)
			}
			out[partitionOf{name, p.Partition}] = p.CommittedOffset
		}
	}
	return out, nil
}

// Published returns when the record a group reads next was published. It
// returns the zero time when there is none.
func (b *Broker) Published(ctx context.Context, p Position) (time.Time, error) {
	if p.Lag() == 0 {
		return time.Time{}, nil
	}
	var at time.Time
	err := again(ctx, func(ctx context.Context) error {
		res, err := b.client.Fetch(ctx, &kafka.FetchRequest{
			Topic: p.Topic, Partition: p.Partition, Offset: p.Next(), MinBytes: 1, MaxBytes: 64 << 10, MaxWait: pause,
		})
		if err == nil {
			err = res.Error
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", p.Topic, err)
		}
		at, err = timeOf(res.Records, p.Next())
		return err
	})
	return at, err
}

// timeOf skips what comes before the offset: a batch is sent whole.
func timeOf(records kafka.RecordReader, offset int64) (time.Time, error) {
	for {
		r, err := records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return time.Time{}, nil
		}
		if err != nil {
			return time.Time{}, fmt.Errorf("read record: %w", err)
		}
		if r.Offset >= offset {
			return r.Time, nil
		}
	}
}
