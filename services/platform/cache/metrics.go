package cache

import (
	"context"
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// counts are added up here and read by the meter, so that a hit pays one
// atomic addition.
type counts struct {
	l1, l2, loads, failures atomic.Int64
}

// measure registers the family's metrics.
func (c *Cache[K, V]) measure() error {
	meters := c.o.Meters
	if meters == nil {
		meters = noop.NewMeterProvider()
	}
	meter := meters.Meter("douyin.dev/cache")
	reads, err := meter.Int64ObservableCounter("douyin_cache_reads",
		metric.WithDescription("Keys read, by the level that had them: l1, l2, or load for neither."))
	if err != nil {
		return fmt.Errorf("metrics of cache %s: %w", c.o.Name, err)
	}
	failures, err := meter.Int64ObservableCounter("douyin_cache_failures",
		metric.WithDescription("Calls to Redis that failed, were too slow, or were not tried."))
	if err != nil {
		return fmt.Errorf("metrics of cache %s: %w", c.o.Name, err)
	}
	live, err := meter.Int64ObservableGauge("douyin_cache_live",
		metric.WithDescription("1 while the level in this process is in use."))
	if err != nil {
		return fmt.Errorf("metrics of cache %s: %w", c.o.Name, err)
	}
	family := attribute.String("cache", c.o.Name)
	level := func(l string) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(family, attribute.String("level", l)))
	}
	l1, l2, load, all := level("l1"), level("l2"), level("load"), metric.WithAttributeSet(attribute.NewSet(family))
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(reads, c.counts.l1.Load(), l1)
		o.ObserveInt64(reads, c.counts.l2.Load(), l2)
		o.ObserveInt64(reads, c.counts.loads.Load(), load)
		o.ObserveInt64(failures, c.counts.failures.Load(), all)
		o.ObserveInt64(live, map[bool]int64{true: 1}[c.live()], all)
		return nil
	}, reads, failures, live)
	if err != nil {
		return fmt.Errorf("metrics of cache %s: %w", c.o.Name, err)
	}
	return nil
}
