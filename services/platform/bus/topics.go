package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	deadSuffix = ".dead"
	// deadRetention leaves a month to look at a dead letter.
	deadRetention = 30 * 24 * time.Hour
	// deadMaxBytes lets the largest message of a topic with default settings
	// and its origin headers fit into the dead topic.
	deadMaxBytes = 1<<20 + 64<<10
)

// DeadTopic returns the topic of the dead letters of a topic.
func DeadTopic(topic string) string { return topic + deadSuffix }

// TopicSpec describes a topic to create.
type TopicSpec struct {
	Name string
	// Partitions is how many; 0 means 1. More can be added later, but a key then
	// changes its partition, and its order is lost at that moment.
	Partitions int
	// Replication is how many brokers have each partition; 0 leaves it to the brokers.
	Replication int
	// Retention is how long messages are kept; 0 leaves it to the brokers.
	Retention time.Duration
}

// EnsureTopics creates the topics that do not exist, and their dead twins. It
// changes nothing about existing ones. It tries until the brokers answer or ctx
// ends, for a broker that is starting needs a moment and one that restarted
// answers each pooled connection with one EOF.
func (b *Bus) EnsureTopics(ctx context.Context, specs ...TopicSpec) error {
	var wanted []kafka.TopicConfig
	for _, s := range specs {
		wanted = append(wanted, s.config(), deadSpec(s).config())
	}
	retry := backoff{min: 50 * time.Millisecond, max: 2 * time.Second}
	for {
		err := b.createMissing(ctx, wanted)
		if err == nil {
			return nil
		}
		if permanent(err) || errors.Is(err, kafka.PolicyViolation) || errors.Is(err, kafka.InvalidConfiguration) || b.running.Err() != nil || !retry.wait(ctx) {
			return fmt.Errorf("ensure topics: %w", err)
		}
	}
}

// deadSpec is one partition: dead letters are few, and a single offset names each.
func deadSpec(of TopicSpec) TopicSpec {
	return TopicSpec{Name: DeadTopic(of.Name), Partitions: 1, Replication: of.Replication, Retention: deadRetention}
}

func (s TopicSpec) config() kafka.TopicConfig {
	c := kafka.TopicConfig{Topic: s.Name, NumPartitions: max(s.Partitions, 1), ReplicationFactor: s.Replication}
	if s.Replication == 0 {
		c.ReplicationFactor = -1
	}
	if s.Retention > 0 {
		ms := strconv.FormatInt(s.Retention.Milliseconds(), 10)
		c.ConfigEntries = append(c.ConfigEntries, kafka.ConfigEntry{ConfigName: "retention.ms", ConfigValue: ms})
	}
	if strings.HasSuffix(s.Name, deadSuffix) {
		c.ConfigEntries = append(c.ConfigEntries, kafka.ConfigEntry{ConfigName: "max.message.bytes", ConfigValue: strconv.Itoa(deadMaxBytes)})
	}
	return c
}

// createMissing asks for existing topics first: where they are made by an
// operator, the service needs no right to create them.
func (b *Bus) createMissing(ctx context.Context, wanted []kafka.TopicConfig) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	names := make([]string, len(wanted))
	for i, c := range wanted {
		names[i] = c.Topic
	}
	existing, err := b.partitions(ctx, names...)
	if err != nil {
		return err
	}
	var missing []kafka.TopicConfig
	for _, c := range wanted {
		if existing[c.Topic] == 0 {
			missing = append(missing, c)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	res, err := b.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: missing})
	if err != nil {
		return err
	}
	for topic, err := range res.Errors {
		if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
			return fmt.Errorf("create %s: %w", topic, err)
		}
	}
	return nil
}

// partitions returns how many partitions the topics have; those that do not
// exist are absent. The answer may be as old as metadataTTL.
func (b *Bus) partitions(ctx context.Context, topics ...string) (map[string]int, error) {
	return partitions(ctx, b.client, topics...)
}

func partitions(ctx context.Context, client *kafka.Client, topics ...string) (map[string]int, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: topics})
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	for _, t := range res.Topics {
		switch {
		case t.Error == nil && len(t.Partitions) > 0:
			out[t.Name] = len(t.Partitions)
		case t.Error != nil && !errors.Is(t.Error, kafka.UnknownTopicOrPartition):
			return nil, fmt.Errorf("look up %s: %w", t.Name, t.Error)
		}
	}
	return out, nil
}

// awaitPartitions tolerates a topic that was created a moment ago.
func (b *Bus) awaitPartitions(ctx context.Context, topic string) (int, error) {
	retry := backoff{min: 50 * time.Millisecond, max: 500 * time.Millisecond}
	for deadline := time.Now().Add(2 * metadataTTL); ; {
		counts, err := b.partitions(ctx, topic)
		if n := counts[topic]; n > 0 {
			return n, nil
		}
		if err == nil {
			err = kafka.UnknownTopicOrPartition
		}
		late := errors.Is(err, kafka.UnknownTopicOrPartition) && time.Now().After(deadline)
		if late || permanent(err) || b.running.Err() != nil || !retry.wait(ctx) {
			return 0, err
		}
	}
}
