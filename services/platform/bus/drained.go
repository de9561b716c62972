package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// Drained returns nil when a group has settled everything that its topics held
// when the call began: applied it, or made it a dead letter. A topic that does
// not exist may be one that a broker has not heard of yet, and is not drained.
// It waits, and fails when ctx ends first.
func (b *Bus) Drained(ctx context.Context, group string, topics ...string) error {
	var ends map[destination]int64
	settled := func() (err error) {
		if ends == nil { // a partition between two leaders has an end a moment later
			if ends, err = b.ends(ctx, topics); err != nil {
				return err
			}
		}
		return b.dropSettled(ctx, group, ends)
	}
	retry := backoff{min: 20 * time.Millisecond, max: 500 * time.Millisecond}
	for {
		err := settled()
		if err == nil && len(ends) == 0 {
			return nil
		}
		if permanent(err) || !retry.wait(ctx) {
			return fmt.Errorf("%d partitions not drained: %w", len(ends), errors.Join(err, ctx.Err()))
		}
	}
}

// ends returns the end of each partition that holds something. It asks the
// brokers anew which partitions there are: what the Bus remembers may be older
// than a message that is to be waited for.
func (b *Bus) ends(ctx context.Context, topics []string) (map[destination]int64, error) {
	client, transport := b.newClient()
	defer transport.CloseIdleConnections()
	counts, err := partitions(ctx, client, topics...)
	if err != nil {
		return nil, err
	}
	ends := map[destination]int64{}
	for _, topic := range topics {
		if counts[topic] == 0 {
			return nil, fmt.Errorf("look up %s: %w", topic, kafka.UnknownTopicOrPartition)
		}
		for p := range counts[topic] {
			of := destination{topic, p}
			first, end, err := offsets(ctx, client, of)
			if err != nil {
				return nil, err
			}
			if end > first {
				ends[of] = end
			}
		}
	}
	return ends, nil
}

// dropSettled removes the partitions whose committed offset has reached the end.
func (b *Bus) dropSettled(ctx context.Context, group string, ends map[destination]int64) error {
	if len(ends) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	asked := map[string][]int{}
	for of := range ends {
		asked[of.topic] = append(asked[of.topic], of.partition)
	}
	res, err := b.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group, Topics: asked})
	if err != nil {
		return err
	}
	// Brokers that say so mean what others say with offset -1: nothing yet.
	if res.Error != nil && !errors.Is(res.Error, kafka.GroupIdNotFound) {
		return res.Error
	}
	for topic, partitions := range res.Topics {
		for _, p := range partitions {
			of := destination{topic, p.Partition}
			if end, ok := ends[of]; ok && p.Error == nil && p.CommittedOffset >= end {
				delete(ends, of)
			}
		}
	}
	return nil
}
