package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"douyin.dev/services/platform/bus"
)

const retentionConfig = "retention.ms"

// Topic is what Kafka says about a topic.
type Topic struct {
	Partitions int32
	// Replication of the partition with the fewest replicas.
	Replication int32
	// Retention is how long records are kept; negative for ever.
	Retention time.Duration
}

// Topics returns those of the topics that exist.
func (b *Broker) Topics(ctx context.Context, names ...string) (map[string]Topic, error) {
	out := map[string]Topic{}
	err := again(ctx, func(ctx context.Context) error {
		clear(out)
		res, err := b.client.Metadata(ctx, &kafka.MetadataRequest{Topics: names})
		if err != nil {
			return fmt.Errorf("look up topics: %w", err)
		}
		for _, t := range res.Topics {
			switch {
			case errors.Is(t.Error, kafka.UnknownTopicOrPartition):
			case t.Error != nil:
				return fmt.Errorf("look up %s: %w", t.Name, t.Error)
			case len(t.Partitions) > 0:
				out[t.Name] = Topic{Partitions: int32(len(t.Partitions)), Replication: fewestReplicas(t.Partitions)}
			}
		}
		return b.readRetention(ctx, out)
	})
	return out, err
}

func fewestReplicas(partitions []kafka.Partition) int32 {
	n := len(partitions[0].Replicas)
	for _, p := range partitions {
		n = min(n, len(p.Replicas))
	}
	return int32(n)
}

func (b *Broker) readRetention(ctx context.Context, topics map[string]Topic) error {
	if len(topics) == 0 {
		return nil
	}
	req := &kafka.DescribeConfigsRequest{}
	for name := range topics {
		req.Resources = append(req.Resources, kafka.DescribeConfigRequestResource{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: name, ConfigNames: []string{retentionConfig},
		})
	}
	res, err := b.client.DescribeConfigs(ctx, req)
	if err != nil {
		return fmt.Errorf("describe topics: %w", err)
	}
	for _, r := range res.Resources {
		// Known to one broker and not yet, or no longer, to another: not there.
		if errors.Is(r.Error, kafka.UnknownTopicOrPartition) {
			delete(topics, r.ResourceName)
			continue
		}
		if r.Error != nil {
			return fmt.Errorf("describe %s: %w", r.ResourceName, r.Error)
		}
		t := topics[r.ResourceName]
		for _, e := range r.ConfigEntries {
			if e.ConfigName != retentionConfig {
				continue
			}
			ms, err := strconv.ParseInt(e.ConfigValue, 10, 64)
			if err != nil {
				return fmt.Errorf("%s of %s: %w", retentionConfig, r.ResourceName, err)
			}
			t.Retention = time.Duration(ms) * time.Millisecond
		}
		topics[r.ResourceName] = t
	}
	return nil
}

// Create makes a topic and its dead-letter twin, those of them that do not exist.
func (b *Broker) Create(ctx context.Context, spec bus.TopicSpec) error {
	// The bus tries until its context ends.
	return once(ctx, func(ctx context.Context) error { return b.bus.EnsureTopics(ctx, spec) })
}

// Widen gives a topic more partitions. A topic that has as many is fine.
func (b *Broker) Widen(ctx context.Context, topic string, partitions int32) error {
	return again(ctx, func(ctx context.Context) error {
		res, err := b.client.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{
			Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: partitions}},
		})
		if err == nil {
			err = res.Errors[topic]
		}
		if err != nil && !errors.Is(err, kafka.InvalidPartitionNumber) {
			return fmt.Errorf("widen %s: %w", topic, err)
		}
		// Kafka says so for a number that is not more than there are: the look
		// that found fewer was old.
		return nil
	})
}

// Retain sets how long a topic keeps its records.
func (b *Broker) Retain(ctx context.Context, topic string, retention time.Duration) error {
	return again(ctx, func(ctx context.Context) error {
		res, err := b.client.IncrementalAlterConfigs(ctx, &kafka.IncrementalAlterConfigsRequest{
			Resources: []kafka.IncrementalAlterConfigsRequestResource{{
				ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
				Configs: []kafka.IncrementalAlterConfigsRequestConfig{{
					Name: retentionConfig, Value: strconv.FormatInt(retention.Milliseconds(), 10),
					ConfigOperation: kafka.ConfigOperationSet,
				}},
			}},
		})
		if err != nil {
			return fmt.Errorf("retain %s: %w", topic, err)
		}
		for _, r := range res.Resources {
			if r.Error != nil {
				return fmt.Errorf("retain %s: %w", topic, r.Error)
			}
		}
		return nil
	})
}

// Delete deletes topics with their records. Those that are gone are fine.
func (b *Broker) Delete(ctx context.Context, topics ...string) error {
	return again(ctx, func(ctx context.Context) error {
		res, err := b.client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: topics})
		if err != nil {
			return fmt.Errorf("delete topics: %w", err)
		}
		for topic, err := range res.Errors {
			if err != nil && !errors.Is(err, kafka.UnknownTopicOrPartition) {
				return fmt.Errorf("delete %s: %w", topic, err)
			}
		}
		return nil
	})
}
