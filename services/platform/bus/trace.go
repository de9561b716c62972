package bus

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

const (
	scope = "douyin.dev/services/platform/bus"
	// maxLinks keeps the span of a large batch small.
	maxLinks = 32
)

// traceparent returns the trace of ctx as a header, or "".
func traceparent(ctx context.Context) string {
	c := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, c)
	return c[HeaderTraceparent]
}

// startSpan continues the trace of the batch's first message and links to the
// traces of the others.
func (b *Bus) startSpan(ctx context.Context, group string, batch []Message) (context.Context, trace.Span) {
	first := remoteSpan(batch[0])
	if first.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, first)
	}
	seen := map[trace.SpanID]bool{first.SpanID(): true}
	var links []trace.Link
	for _, m := range batch[1:] {
		sc := remoteSpan(m)
		if len(links) == maxLinks {
			break
		}
		if sc.IsValid() && !seen[sc.SpanID()] {
			seen[sc.SpanID()] = true
			links = append(links, trace.Link{SpanContext: sc})
		}
	}
	return b.tracer.Start(ctx, "consume "+batch[0].Topic,
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(links...),
		trace.WithAttributes(
			attribute.String("messaging.system", "kafka"),
			attribute.String("messaging.destination.name", batch[0].Topic),
			attribute.String("messaging.consumer.group.name", group),
			attribute.Int("messaging.batch.message_count", len(batch)),
			attribute.Int("messaging.destination.partition.id", batch[0].Partition),
			attribute.Int64("messaging.kafka.offset", batch[0].Offset),
		))
}

func remoteSpan(m Message) trace.SpanContext {
	parent := m.Headers[HeaderTraceparent]
	if parent == "" {
		return trace.SpanContext{}
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{HeaderTraceparent: parent})
	return trace.SpanContextFromContext(ctx)
}

// endSpan records that a batch failed, not why: the text of an error may come
// from anywhere, and a trace is read by many.
func endSpan(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "delivery failed")
		span.SetAttributes(attribute.Bool("bus.poison", IsPoison(err)))
	}
	span.End()
}
