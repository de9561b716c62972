package video

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// countTimeout bounds the look at the queue that a scrape of the metrics takes.
const countTimeout = 2 * time.Second

const waitingSQL = `SELECT count(*) FROM transcode_job WHERE state = 1`

// measure makes the worker's metrics: how attempts end, and how many videos wait.
func (w *Worker) measure(meters metric.MeterProvider) (err error) {
	if meters == nil {
		meters = noop.NewMeterProvider()
	}
	meter := meters.Meter("douyin.dev/services/video")
	if w.attempts, err = meter.Int64Counter("douyin_video_transcode_attempts",
		metric.WithDescription("Attempts at transcoding a video, by how they ended: ready or failed.")); err != nil {
		return fmt.Errorf("metrics of the transcode worker: %w", err)
	}
	_, err = meter.Int64ObservableGauge("douyin_video_transcode_waiting",
		metric.WithDescription("Videos that wait to be transcoded, in the whole queue."),
		metric.WithInt64Callback(func(ctx context.Context, o metric.Int64Observer) error {
			ctx, cancel := context.WithTimeout(ctx, countTimeout)
			defer cancel()
			var waiting int64
			if err := w.jobs.db.RW().QueryRow(ctx, waitingSQL).Scan(&waiting); err != nil {
				return fmt.Errorf("count waiting videos: %w", err)
			}
			o.Observe(waiting)
			return nil
		}))
	if err != nil {
		return fmt.Errorf("metrics of the transcode worker: %w", err)
	}
	return nil
}

// count notes how an attempt ended.
func (w *Worker) count(ctx context.Context, outcome string) {
	w.attempts.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
}
