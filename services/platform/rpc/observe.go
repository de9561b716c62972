package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/otelconnect"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// observer traces and measures calls by OpenTelemetry's conventions for RPC:
// otelconnect does it for streams, and this for unary calls in the same way, with
// what depends on the procedure alone made once instead of twice for each call.
type observer struct {
	*otelconnect.Interceptor
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	duration   metric.Float64Histogram
	kind       []trace.SpanStartOption
	client     bool
	trusting   bool     // a caller's trace goes on; otherwise it is linked to
	known      sync.Map // peer to *observed
}

// signals are where an observer tells what it sees.
type signals struct {
	tracers    trace.TracerProvider
	meters     metric.MeterProvider
	propagator propagation.TextMapPropagator
}

// ofProcess are the process's own.
func ofProcess() signals {
	return signals{otel.GetTracerProvider(), otel.GetMeterProvider(), otel.GetTextMapPropagator()}
}

// peer is what the attributes of a call depend on besides its outcome.
type peer struct{ procedure, protocol, address string }

// observed is what is known of a peer's calls beforehand.
type observed struct {
	name       string
	attributes []attribute.KeyValue // with those of a good outcome
	good       []metric.RecordOption
}

// newObserver returns the observer of clients, or of handlers that trust, or do
// not trust, their callers' traces.
func newObserver(s signals, client, trusting bool) (*observer, error) {
	options := []otelconnect.Option{
		otelconnect.WithTracerProvider(s.tracers), otelconnect.WithMeterProvider(s.meters), otelconnect.WithPropagator(s.propagator),
	}
	if trusting {
		options = append(options, otelconnect.WithTrustRemote())
	}
	streams, err := otelconnect.NewInterceptor(options...)
	if err != nil {
		return nil, fmt.Errorf("telemetry interceptor: %w", err)
	}
	kind, name, what := trace.SpanKindServer, "rpc.server.call.duration", "Measures the duration of an incoming Remote Procedure Call (RPC)."
	if client {
		kind, name, what = trace.SpanKindClient, "rpc.client.call.duration", "Measures the duration of an outgoing Remote Procedure Call (RPC)."
	}
	duration, err := s.meters.Meter("douyin.dev/rpc").Float64Histogram(name,
		metric.WithUnit("s"), metric.WithDescription(what),
		// What the conventions recommend.
		metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10))
	if err != nil {
		return nil, fmt.Errorf("rpc metrics: %w", err)
	}
	return &observer{
		Interceptor: streams, client: client, trusting: trusting, duration: duration,
		kind:   []trace.SpanStartOption{trace.WithSpanKind(kind)},
		tracer: s.tracers.Tracer("douyin.dev/rpc"), propagator: s.propagator,
	}, nil
}

// WrapUnary implements connect.Interceptor.
func (o *observer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		start := time.Now()
		call := o.of(req)
		ctx, span := o.start(ctx, call.name, req.Header())
		defer span.End()
		res, err := next(ctx, req)
		attributes, outcome := call.attributes, call.good
		if err != nil && !connect.IsNotModifiedError(err) {
			attributes = call.failed(err)
			outcome = []metric.RecordOption{metric.WithAttributes(attributes...)}
			if o.client || faulty(connect.CodeOf(err)) {
				span.SetStatus(codes.Error, messageOf(err))
			}
		}
		span.SetAttributes(attributes...)
		o.duration.Record(ctx, time.Since(start).Seconds(), outcome...)
		return res, err
	}
}

// start begins a span in the caller's trace and, for a client, tells the header of it.
func (o *observer) start(ctx context.Context, name string, header http.Header) (context.Context, trace.Span) {
	if o.client {
		ctx, span := o.tracer.Start(ctx, name, o.kind...)
		o.propagator.Inject(ctx, propagation.HeaderCarrier(header))
		return ctx, span
	}
	options := o.kind
	if !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = o.propagator.Extract(ctx, propagation.HeaderCarrier(header))
		if link := trace.LinkFromContext(ctx); !o.trusting && link.SpanContext.IsValid() {
			options = append([]trace.SpanStartOption{trace.WithNewRoot(), trace.WithLinks(link)}, o.kind...)
		}
	}
	return o.tracer.Start(ctx, name, options...)
}

// of returns what is known of a call's peer. There are as many as procedures and
// protocols, for a client times the names it calls.
func (o *observer) of(req connect.AnyRequest) *observed {
	key := peer{procedure: req.Spec().Procedure, protocol: req.Peer().Protocol}
	if o.client {
		key.address = req.Peer().Addr
	}
	if known, ok := o.known.Load(key); ok {
		return known.(*observed)
	}
	call := &observed{name: strings.TrimLeft(key.procedure, "/")}
	call.attributes = append(make([]attribute.KeyValue, 0, 6),
		attribute.String("rpc.response.status_code", "OK"),
		attribute.String("rpc.system.name", systemOf(key.protocol)),
		attribute.String("rpc.method", call.name))
	if key.address != "" {
		call.attributes = append(call.attributes, addressAttributes(key.address)...)
	}
	call.good = []metric.RecordOption{metric.WithAttributes(call.attributes...)}
	known, _ := o.known.LoadOrStore(key, call)
	return known.(*observed)
}

// failed are the attributes of a call that failed with err.
func (c *observed) failed(err error) []attribute.KeyValue {
	code := strings.ToUpper(connect.CodeOf(err).String())
	attributes := append(make([]attribute.KeyValue, 0, len(c.attributes)+1), c.attributes...)
	attributes[0] = attribute.String("rpc.response.status_code", code)
	return append(attributes, attribute.String("error.type", code))
}

func systemOf(protocol string) string {
	switch protocol {
	case connect.ProtocolGRPC, connect.ProtocolGRPCWeb:
		return "grpc"
	case connect.ProtocolConnect:
		return "connectrpc"
	default:
		return protocol
	}
}

func addressAttributes(address string) []attribute.KeyValue {
	if host, port, err := net.SplitHostPort(address); err == nil {
		if number, err := strconv.Atoi(port); err == nil {
			return []attribute.KeyValue{attribute.String("server.address", host), attribute.Int("server.port", number)}
		}
	}
	return []attribute.KeyValue{attribute.String("server.address", address)}
}

// faulty reports whether a code is the server's fault, not its caller's.
func faulty(code connect.Code) bool {
	switch code {
	case connect.CodeUnknown, connect.CodeDeadlineExceeded, connect.CodeUnimplemented,
		connect.CodeInternal, connect.CodeUnavailable, connect.CodeDataLoss:
		return true
	default:
		return false
	}
}

// messageOf is what an error says besides its code.
func messageOf(err error) string {
	if known := new(connect.Error); errors.As(err, &known) {
		return known.Message()
	}
	return err.Error()
}
