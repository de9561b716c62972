package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

type metrics struct {
	publishedCount metric.Int64Counter
	failedCount    metric.Int64Counter
	consumedCount  metric.Int64Counter
	retriedCount   metric.Int64Counter
	deadCount      metric.Int64Counter
	stalledCount   metric.Int64Counter
	batchSize      metric.Int64Histogram
	lagAge         metric.Float64Gauge
	lagMessages    metric.Int64Gauge
}

func newMetrics(meter metric.Meter) (*metrics, error) {
	m := &metrics{}
	var errs [9]error
	count := func(name, help string) (metric.Int64Counter, error) {
		return meter.Int64Counter("douyin_bus_"+name, metric.WithDescription(help))
	}
	m.publishedCount, errs[0] = count("published_messages", "Messages acknowledged by all replicas.")
	m.failedCount, errs[1] = count("publish_failed_messages", "Messages given back to the publisher with an error.")
	m.consumedCount, errs[2] = count("consumed_messages", "Messages handled and committed, dead letters included.")
	m.retriedCount, errs[3] = count("retried_batches", "Deliveries that ended in an error and come again.")
	m.deadCount, errs[4] = count("dead_letters", "Messages moved to a dead letter topic.")
	m.stalledCount, errs[5] = count("stalls", "Partitions that made no progress and got fresh connections.")
	m.batchSize, errs[6] = meter.Int64Histogram("douyin_bus_batch_messages", metric.WithDescription("Messages of a delivered batch."),
		metric.WithExplicitBucketBoundaries(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000))
	m.lagAge, errs[7] = meter.Float64Gauge("douyin_bus_lag_age_seconds", metric.WithDescription("Age of the oldest message not handled yet; 0 when there is none."))
	m.lagMessages, errs[8] = meter.Int64Gauge("douyin_bus_lag_messages", metric.WithDescription("Messages not handled yet."))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("create metrics: %w", err)
	}
	return m, nil
}

func (m *metrics) published(ctx context.Context, topic string, n int) {
	m.publishedCount.Add(ctx, int64(n), metric.WithAttributes(attribute.String("topic", topic)))
}

func (m *metrics) publishFailed(ctx context.Context, topic string, n int) {
	m.failedCount.Add(ctx, int64(n), metric.WithAttributes(attribute.String("topic", topic)))
}

// source holds the attributes of a group's partition.
type source struct{ topic, partition metric.MeasurementOption }

func newSource(group, topic string, partition int) source {
	base := []attribute.KeyValue{attribute.String("group", group), attribute.String("topic", topic)}
	return source{
		topic:     metric.WithAttributeSet(attribute.NewSet(base...)),
		partition: metric.WithAttributeSet(attribute.NewSet(append(base, attribute.Int("partition", partition))...)),
	}
}

func (m *metrics) consumed(ctx context.Context, s source, n int) {
	m.consumedCount.Add(ctx, int64(n), s.topic)
}
func (m *metrics) retried(ctx context.Context, s source) { m.retriedCount.Add(ctx, 1, s.topic) }
func (m *metrics) died(ctx context.Context, s source)    { m.deadCount.Add(ctx, 1, s.topic) }
func (m *metrics) stalled(ctx context.Context, s source) { m.stalledCount.Add(ctx, 1, s.topic) }

func (m *metrics) delivered(ctx context.Context, s source, n int) {
	m.batchSize.Record(ctx, int64(n), s.topic)
}

// lag records how far a partition is behind; the zero time means not at all.
func (m *metrics) lag(ctx context.Context, s source, messages int64, oldest time.Time) {
	age := 0.0
	if !oldest.IsZero() {
		age = max(time.Since(oldest).Seconds(), 0)
	}
	m.lagAge.Record(ctx, age, s.partition)
	m.lagMessages.Record(ctx, messages, s.partition)
}
