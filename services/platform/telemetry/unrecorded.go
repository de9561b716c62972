package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
)

// sparing is a source of tracers that make no span inside a trace that is not
// recorded: under load that is nearly every trace, and the SDK makes and numbers
// a span for each of its steps all the same. A step gets the span around it,
// which tells nobody anything, and passes its decision on as before. This relies
// on a sampler that follows the parent's decision.
type sparing struct {
	embedded.TracerProvider
	next trace.TracerProvider
}

// Tracer implements trace.TracerProvider.
func (s sparing) Tracer(name string, options ...trace.TracerOption) trace.Tracer {
	return sparingTracer{next: s.next.Tracer(name, options...)}
}

type sparingTracer struct {
	embedded.Tracer
	next trace.Tracer
}

// Start implements trace.Tracer.
func (t sparingTracer) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	around := trace.SpanFromContext(ctx)
	if decided := around.SpanContext(); !decided.IsValid() || decided.IsSampled() || around.IsRecording() {
		return t.next.Start(ctx, name, options...)
	}
	if config := trace.NewSpanStartConfig(options...); config.NewRoot() {
		return t.next.Start(ctx, name, options...)
	}
	return ctx, around
}
