package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/segmentio/kafka-go"
)

const (
	// likes is a topic of the platform, and stream the object that declares it.
	likes  = "douyin.interaction.v1.LikeChanged"
	stream = release + "-like-changed"
)

// watched lets an operator look after the topics.
var watched = []string{"operator.enabled=true", "operator.config.DOUYIN_STREAM_INTERVAL=2s"}

// eventStream is a stream as the operator sees it.
type eventStream struct {
	Status struct {
		Partitions  int
		Lag         int64
		DeadLetters int64
		Narrowed    *struct{ From, To int }
		Conditions  []condition
	}
}

// narrow gives a topic a single partition, as somebody would who has the
// broker's tools: by deleting it.
func (k *kube) narrow(ctx context.Context, topic string) error {
	out, err := k.ctl(ctx, "get", "pod", release+"-kafka-0", "-o", "jsonpath={.status.podIP}:{.spec.containers[0].ports[0].containerPort}")
	if err != nil {
		return err
	}
	// The broker gives itself a name that only the cluster knows.
	at := strings.TrimSpace(out)
	transport := &kafka.Transport{Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, at)
	}}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(at), Transport: transport}
	return poll(ctx, readyWithin, func(ctx context.Context) error {
		gone, err := client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
		if err != nil {
			return fmt.Errorf("delete topic: %w", err)
		}
		if err := gone.Errors[topic]; err != nil && !errors.Is(err, kafka.UnknownTopicOrPartition) {
			return fmt.Errorf("delete topic: %w", err)
		}
		// The operator may have been faster: once more, then.
		made, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}}})
		if err != nil {
			return fmt.Errorf("create topic: %w", err)
		}
		return made.Errors[topic]
	})
}
