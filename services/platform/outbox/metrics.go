package outbox

import (
	"context"
	"fmt"
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

// watch exports the age of the oldest event that waits, until it is called off.
// An age of what was published says nothing while nothing is.
func (r *Relay) watch() (unwatch func(), err error) {
	meter := otel.Meter("douyin.dev/services/platform/outbox")
	gauge, err := meter.Float64ObservableGauge("douyin_outbox_oldest_seconds",
		metric.WithDescription("Age of the oldest event that is not published; 0 when there is none."))
	if err != nil {
		return nil, fmt.Errorf("outbox metrics: %w", err)
	}
	attrs := metric.WithAttributes(attribute.String("service", r.service))
	registered, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveFloat64(gauge, r.Waiting().Seconds(), attrs)
		return nil
	}, gauge)
	if err != nil {
		return nil, fmt.Errorf("outbox metrics: %w", err)
	}
	return func() { _ = registered.Unregister() }, nil // it only ends twice, never badly
}
