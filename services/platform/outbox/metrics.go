package outbox

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// relayed counts published events and records how long the oldest of them waited.
func relayed(ctx context.Context, service string, n int, oldest time.Time) {
	meter := otel.Meter("douyin.dev/services/platform/outbox")
	attrs := metric.WithAttributes(attribute.String("service", service))
	if c, err := meter.Int64Counter("douyin_outbox_events", metric.WithDescription("Events published from the outbox.")); err == nil {
		c.Add(ctx, int64(n), attrs)
	}
	if h, err := meter.Float64Histogram("douyin_outbox_age_seconds", metric.WithDescription("Age of the oldest event of a published batch.")); err == nil {
		h.Record(ctx, time.Since(oldest).Seconds(), attrs)
	}
}
