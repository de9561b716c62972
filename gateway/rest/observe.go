package rest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// Signals are where the REST face reports what it does; nil reports nothing.
type Signals struct {
	Tracers trace.TracerProvider
	Meters  metric.MeterProvider
	// Propagator reads a client's trace from its headers.
	Propagator propagation.TextMapPropagator
}

func (s Signals) orNoop() Signals {
	if s.Tracers == nil {
		s.Tracers = tracenoop.NewTracerProvider()
	}
	if s.Meters == nil {
		s.Meters = metricnoop.NewMeterProvider()
	}
	if s.Propagator == nil {
		s.Propagator = propagation.TraceContext{}
	}
	return s
}

// observer traces and measures REST calls by OpenTelemetry's conventions for
// HTTP, as otelhttp does, with what depends on the route alone made once. It
// differs in three points: a client's trace is linked to and not joined, as on
// the other face; metrics do not have the Host a client sent, which could be
// anything; and the size of a request's body is measured where there is one.
//
// Because REST answers failures as HTTP 200, answers are counted by their
// status_code too.
type observer struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	carriers   []string // the headers a trace may come in
	kind       []trace.SpanStartOption

	duration                  metric.Float64Histogram
	requestSize, responseSize metric.Int64Histogram
	answers                   metric.Int64Counter
}

func newObserver(s Signals) (*observer, error) {
	s = s.orNoop()
	meter := s.Meters.Meter("douyin.dev/gateway")
	o := &observer{
		tracer: s.Tracers.Tracer("douyin.dev/gateway"), propagator: s.Propagator,
		kind: []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)},
	}
	for _, field := range s.Propagator.Fields() {
		o.carriers = append(o.carriers, http.CanonicalHeaderKey(field))
	}
	var errs [4]error
	o.duration, errs[0] = meter.Float64Histogram("http.server.request.duration",
		metric.WithUnit("s"), metric.WithDescription("Duration of HTTP server requests."),
		// What the conventions recommend.
		metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10))
	o.requestSize, errs[1] = meter.Int64Histogram("http.server.request.body.size",
		metric.WithUnit("By"), metric.WithDescription("Size of HTTP server request bodies."))
	o.responseSize, errs[2] = meter.Int64Histogram("http.server.response.body.size",
		metric.WithUnit("By"), metric.WithDescription("Size of HTTP server response bodies."))
	o.answers, errs[3] = meter.Int64Counter("douyin_gateway_answers",
		metric.WithDescription("Answers of the REST face, by route and class of status_code: 0, 1xxxx, 4xxxx or 5xxxx."))
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("rest metrics: %w", err)
		}
	}
	return o, nil
}

// observed is what is known beforehand of the calls of a route, and what was
// learned of them. It is safe for concurrent use.
type observed struct {
	route   string // "" for paths that do not exist
	answers [6][]metric.AddOption

	mu      sync.RWMutex
	methods map[string]string               // the name of a method's spans
	points  map[point][]metric.RecordOption // as many as combinations that occurred
}

// point is what the attributes of a metric depend on besides the route.
type point struct {
	method, proto string
	secure        bool
	status        int
}

func newObserved(route string) *observed {
	seen := &observed{route: route, methods: map[string]string{}, points: map[point][]metric.RecordOption{}}
	for class := range seen.answers {
		text := "0"
		if class > 0 {
			text = strconv.Itoa(class) + "xxxx"
		}
		set := attribute.NewSet(attribute.String("route", route), attribute.String("class", text))
		seen.answers[class] = []metric.AddOption{metric.WithAttributeSet(set)}
	}
	return seen
}

// start begins a call's span.
func (o *observer) start(r *http.Request, from Origin, seen *observed) (context.Context, trace.Span) {
	options := o.kind
	if link := o.link(r); link.SpanContext.IsValid() {
		options = append([]trace.SpanStartOption{trace.WithNewRoot(), trace.WithLinks(link)}, o.kind...)
	}
	ctx, span := o.tracer.Start(r.Context(), seen.spanName(r.Method), options...)
	if span.IsRecording() {
		span.SetAttributes(requestAttributes(r, from, seen.route)...)
	}
	return ctx, span
}

// link answers the trace a client says it is in.
func (o *observer) link(r *http.Request) trace.Link {
	for _, name := range o.carriers {
		if _, ok := r.Header[name]; ok {
			return trace.LinkFromContext(o.propagator.Extract(context.Background(), propagation.HeaderCarrier(r.Header)))
		}
	}
	return trace.Link{}
}

// done reports a call that was answered.
func (o *observer) done(ctx context.Context, span trace.Span, r *http.Request, seen *observed, x *exchange) {
	status := x.finalHTTPStatus()
	if span.IsRecording() {
		span.SetAttributes(x.attributes()...)
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	}
	options := seen.options(point{method: knownMethod(r.Method), proto: knownProtocol(r.Proto), secure: r.TLS != nil, status: status})
	if x.body != nil {
		o.requestSize.Record(ctx, x.bodyBytesRead(), options...)
	}
	o.responseSize.Record(ctx, x.sent, options...)
	o.duration.Record(ctx, time.Since(x.began).Seconds(), options...)
	// What could not be done for a client who left is nobody's failure.
	if x.hasStatusCode && (x.statusCode < statusInternal || !left(r.Context())) {
		o.answers.Add(ctx, 1, seen.answers[min(x.statusCode/10_000, len(seen.answers)-1)]...)
	}
}

// logAnswer writes a line for each request at level debug: never its path or its
// parameters, which may hold a token. The trace in the line is what the lines of
// the services about the same request have in common with it.
func (f *face) logAnswer(ctx context.Context, r *http.Request, seen *observed, x *exchange) {
	if !f.logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	f.logger.LogAttrs(ctx, slog.LevelDebug, "request answered",
		slog.String("method", knownMethod(r.Method)), slog.String("route", seen.route),
		slog.Int("status", x.finalHTTPStatus()), slog.Int("status_code", x.statusCode),
		slog.Float64("duration_ms", float64(time.Since(x.began).Microseconds())/1000))
}

// left reports whether the client of a request has gone away.
func left(request context.Context) bool { return errors.Is(request.Err(), context.Canceled) }

// spanName is the method and the route: never the path a client made up.
func (s *observed) spanName(method string) string {
	s.mu.RLock()
	name, ok := s.methods[method]
	s.mu.RUnlock()
	if ok {
		return name
	}
	known := knownMethod(method)
	if known == otherMethod {
		return strings.TrimSpace("HTTP " + s.route) // not kept: there is no end of them
	}
	name = strings.TrimSpace(known + " " + s.route)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.methods[method] = name
	return name
}

func (s *observed) options(p point) []metric.RecordOption {
	s.mu.RLock()
	options, ok := s.points[p]
	s.mu.RUnlock()
	if ok {
		return options
	}
	name, version := protocolOf(p.proto)
	attributes := append(make([]attribute.KeyValue, 0, 6),
		attribute.String("http.request.method", p.method), attribute.String("url.scheme", schemeOf(p.secure)),
		attribute.String("network.protocol.name", name), attribute.String("network.protocol.version", version),
		attribute.Int("http.response.status_code", p.status))
	if s.route != "" {
		attributes = append(attributes, attribute.String("http.route", s.route))
	}
	options = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attributes...))}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.points[p] = options
	return options
}

// requestAttributes are those of a request in a span.
func requestAttributes(r *http.Request, from Origin, route string) []attribute.KeyValue {
	all := make([]attribute.KeyValue, 0, 12)
	host, port := splitAddress(r.Host)
	all = append(all, attribute.String("server.address", host),
		attribute.String("http.request.method", knownMethod(r.Method)), attribute.String("url.scheme", schemeOf(r.TLS != nil)))
	if port > 0 && port != defaultPort(r) {
		all = append(all, attribute.Int("server.port", port))
	}
	if known := knownMethod(r.Method); known == otherMethod {
		all = append(all, attribute.String("http.request.method_original", r.Method))
	}
	if peer, port := splitAddress(r.RemoteAddr); peer != "" {
		all = append(all, attribute.String("network.peer.address", peer))
		if port > 0 {
			all = append(all, attribute.Int("network.peer.port", port))
		}
	}
	if from.Addr.IsValid() {
		all = append(all, attribute.String("client.address", from.Addr.String()))
	}
	if agent := r.UserAgent(); agent != "" {
		all = append(all, attribute.String("user_agent.original", agent))
	}
	if r.URL.Path != "" {
		all = append(all, attribute.String("url.path", r.URL.Path))
	}
	if _, version := protocolOf(r.Proto); version != "" {
		all = append(all, attribute.String("network.protocol.version", version))
	}
	if route != "" {
		all = append(all, attribute.String("http.route", route))
	}
	return all
}

const otherMethod = "_OTHER"

// knownMethod is the method as the conventions write it.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodOptions, http.MethodHead, http.MethodPut, http.MethodDelete,
		http.MethodPatch, http.MethodConnect, http.MethodTrace:
		return method
	default:
		return otherMethod
	}
}

// knownProtocol is the protocol when it is one there is: a client may write
// "HTTP/1.7", and a metric must not have a series for each.
func knownProtocol(proto string) string {
	switch proto {
	case "HTTP/1.0", "HTTP/1.1", "HTTP/2.0":
		return proto
	default:
		return ""
	}
}

func protocolOf(proto string) (name, version string) {
	name, version, _ = strings.Cut(proto, "/")
	return strings.ToLower(name), version
}

func schemeOf(secure bool) string {
	if secure {
		return "https"
	}
	return "http"
}

func defaultPort(r *http.Request) int {
	if r.TLS != nil {
		return 443
	}
	return 80
}

// splitAddress splits "host:port"; the port is 0 when there is none.
func splitAddress(address string) (host string, port int) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return strings.Trim(address, "[]"), 0
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return host, 0
	}
	return host, int(number)
}
