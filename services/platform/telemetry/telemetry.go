package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/contrib/instrumentation/runtime"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// maxAttribute bounds an attribute's text, in characters: a span must not carry a body.
const maxAttribute = 256

// Config says who the process is and how much it tells.
type Config struct {
	// Service and Version name the process in every signal.
	Service, Version string
	// SampleRatio of the traces that begin here are recorded, 0 to 1. A trace
	// that began elsewhere is recorded when it is there.
	SampleRatio float64
	// TracesPerSecond bounds the traces that begin here and are recorded; 0 for no bound.
	TracesPerSecond float64
	// Spans is how many of the newest are kept for the traces page; 0 for none.
	// A span takes about 1 KiB.
	Spans int
	// LogLevel is the lowest level written; it can be changed later.
	LogLevel slog.Level
	// LogTo gets the log lines; nil for standard error.
	LogTo io.Writer
}

// Telemetry is a process's signals. It is safe for concurrent use.
type Telemetry struct {
	log     *slog.Logger
	level   *slog.LevelVar
	tracers *sdktrace.TracerProvider
	meters  *sdkmetric.MeterProvider
	metrics http.Handler
	ring    *Ring
}

// Start sets everything up. Only the exporter that OTEL_TRACES_EXPORTER names
// reaches out of the process, and a collector that is down hinders nothing.
func Start(ctx context.Context, c Config) (*Telemetry, error) {
	if c.SampleRatio < 0 || c.SampleRatio > 1 {
		return nil, fmt.Errorf("sample ratio %v is not in 0 to 1", c.SampleRatio)
	}
	res, err := describe(ctx, c)
	if err != nil {
		return nil, err
	}
	t := &Telemetry{level: &slog.LevelVar{}, ring: NewRing(c.Spans)}
	if t.tracers, err = startTraces(ctx, c, res, t.ring); err != nil {
		return nil, err
	}
	if t.meters, t.metrics, err = startMetrics(res); err != nil {
		return nil, errors.Join(err, t.tracers.Shutdown(ctx))
	}
	if c.LogTo == nil {
		c.LogTo = os.Stderr
	}
	t.level.Set(c.LogLevel)
	t.log = slog.New(NewLogHandler(c.LogTo, t.level)).With("service", c.Service)
	return t, nil
}

// describe names the process; OTEL_RESOURCE_ATTRIBUTES may add to it.
func describe(ctx context.Context, c Config) (*resource.Resource, error) {
	res, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithFromEnv(), resource.WithAttributes(
		attribute.String("service.name", c.Service),
		attribute.String("service.version", c.Version),
	))
	if err != nil {
		return nil, fmt.Errorf("describe process: %w", err)
	}
	return res, nil
}

func startTraces(ctx context.Context, c Config, res *resource.Resource, ring *Ring) (*sdktrace.TracerProvider, error) {
	limits := sdktrace.NewSpanLimits()
	limits.AttributeValueLengthLimit = maxAttribute
	limits.AttributeCountLimit = 32
	options := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(res),
		sdktrace.WithRawSpanLimits(limits),
		sdktrace.WithSampler(sdktrace.ParentBased(asked{newBounded(sdktrace.TraceIDRatioBased(c.SampleRatio), c.TracesPerSecond, time.Now)})),
	}
	exporter, err := autoexport.NewSpanExporter(ctx, autoexport.WithFallbackSpanExporter(noExporter))
	if err != nil {
		return nil, fmt.Errorf("trace exporter: %w", err)
	}
	if exporter != nil && !autoexport.IsNoneSpanExporter(exporter) {
		options = append(options, sdktrace.WithBatcher(exporter))
	}
	if c.Spans > 0 {
		options = append(options, sdktrace.WithSpanProcessor(ring))
	}
	return sdktrace.NewTracerProvider(options...), nil
}

// noExporter is what unset variables give.
func noExporter(context.Context) (sdktrace.SpanExporter, error) { return nil, nil }

func startMetrics(res *resource.Resource) (*sdkmetric.MeterProvider, http.Handler, error) {
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
	if err != nil {
		return nil, nil, fmt.Errorf("metrics: %w", err)
	}
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithResource(res), sdkmetric.WithReader(exporter))
	if err := runtime.Start(runtime.WithMeterProvider(meters)); err != nil {
		return nil, nil, fmt.Errorf("runtime metrics: %w", err)
	}
	// A metric that cannot be gathered must not hide the others.
	return meters, promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true,
		ErrorHandling:     promhttp.ContinueOnError,
	}), nil
}

// Install makes these signals the process's own, for libraries that ask the
// globals of slog and OpenTelemetry. Only the process calls it, never a test.
func (t *Telemetry) Install() {
	otel.SetTracerProvider(t.Tracers())
	otel.SetMeterProvider(t.meters)
	otel.SetTextMapPropagator(t.Propagator())
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		t.log.Warn("telemetry", "error", err)
	}))
	slog.SetDefault(t.log)
}

// Log returns the logger.
func (t *Telemetry) Log() *slog.Logger { return t.log }

// Tracers returns the source of tracers.
func (t *Telemetry) Tracers() trace.TracerProvider { return sparing{next: t.tracers} }

// Meters returns the source of meters.
func (t *Telemetry) Meters() metric.MeterProvider { return t.meters }

// Propagator writes and reads traces in W3C headers.
func (t *Telemetry) Propagator() propagation.TextMapPropagator {
	return propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
}

// Metrics answers Prometheus.
func (t *Telemetry) Metrics() http.Handler { return t.metrics }

// Traces shows the newest spans; mount it at /traces and /traces/.
func (t *Telemetry) Traces() http.Handler { return t.ring.Handler() }

// LogLevel shows and changes the lowest level written.
func (t *Telemetry) LogLevel() http.Handler { return levelHandler(t.level) }

// Shutdown sends what is still to be sent. Call it last.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	return errors.Join(t.tracers.Shutdown(ctx), t.meters.Shutdown(ctx))
}
