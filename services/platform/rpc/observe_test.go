package rpc

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/otelconnect"
	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// seen is what was told of a call.
type seen struct {
	Spans  []seenSpan
	Points map[string][]map[string]string
	// Joined says that the handler's span is in the client's trace.
	Joined bool
}

type seenSpan struct {
	Name, Kind, Status, Description string
	Attributes                      map[string]string
	Links                           int
}

// TestUnaryCallsAreObservedAsStreams makes the same calls under otelconnect,
// which observes our streams, and under our own observer.
func TestUnaryCallsAreObservedAsStreams(t *testing.T) {
	t.Parallel()
	for name, outcome := range map[string]error{
		"good":             nil,
		"caller's mistake": connect.NewError(connect.CodeNotFound, errors.New("no such video")),
		"server's fault":   connect.NewError(connect.CodeUnavailable, errors.New("database is away")),
		"no code":          errors.New("something else"),
	} {
		for protocol, option := range map[string]connect.ClientOption{"connect": connect.WithClientOptions(), "grpc": connect.WithGRPC()} {
			for _, trusting := range []bool{true, false} {
				t.Run(name+"/"+protocol, func(t *testing.T) {
					t.Parallel()
					want := observeCall(t, outcome, option, func(s signals, _ bool) (connect.Interceptor, error) {
						options := []otelconnect.Option{
							otelconnect.WithTracerProvider(s.tracers), otelconnect.WithMeterProvider(s.meters), otelconnect.WithPropagator(s.propagator),
						}
						if trusting {
							options = append(options, otelconnect.WithTrustRemote())
						}
						return otelconnect.NewInterceptor(options...)
					})
					got := observeCall(t, outcome, option, func(s signals, client bool) (connect.Interceptor, error) {
						return newObserver(s, client, trusting)
					})
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("observed otherwise (-otelconnect +ours):\n%s", diff)
					}
					if want.Joined != trusting {
						t.Errorf("handler's span in the client's trace: %v, want %v", want.Joined, trusting)
					}
				})
			}
		}
	}
}

// observeCall makes one unary call and returns what was told of it.
func observeCall(t *testing.T, outcome error, option connect.ClientOption, observe func(s signals, client bool) (connect.Interceptor, error)) seen {
	t.Helper()
	spans, reader := tracetest.NewSpanRecorder(), sdkmetric.NewManualReader()
	s := signals{
		tracers: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)), meters: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
		propagator: propagation.TraceContext{},
	}
	server, err := observe(s, false)
	if err != nil {
		t.Fatal(err)
	}
	client, err := observe(s, true)
	if err != nil {
		t.Fatal(err)
	}
	const procedure = "/test.v1.Test/Get"
	mux := http.NewServeMux()
	mux.Handle(procedure, connect.NewUnaryHandlerSimple(procedure,
		func(_ context.Context, m *wrapperspb.StringValue) (*wrapperspb.StringValue, error) { return m, outcome },
		connect.WithInterceptors(server)))
	web := httptest.NewUnstartedServer(mux)
	web.EnableHTTP2 = true
	web.StartTLS()
	defer web.Close()
	_, err = connect.NewClient[wrapperspb.StringValue, wrapperspb.StringValue](web.Client(), web.URL+procedure, option,
		connect.WithInterceptors(client)).CallUnary(t.Context(), connect.NewRequest(wrapperspb.String("x")))
	if (err == nil) != (outcome == nil) {
		t.Fatalf("call ended with %v, want %v", err, outcome)
	}
	web.Close() // waits for the handler's span
	return seen{Spans: spansOf(spans), Points: pointsOf(t, reader), Joined: oneTrace(spans)}
}

func oneTrace(r *tracetest.SpanRecorder) bool {
	ended := r.Ended()
	return len(ended) == 2 && ended[0].SpanContext().TraceID() == ended[1].SpanContext().TraceID()
}

func spansOf(r *tracetest.SpanRecorder) []seenSpan {
	var all []seenSpan
	for _, s := range r.Ended() {
		all = append(all, seenSpan{
			Name: s.Name(), Kind: s.SpanKind().String(), Status: s.Status().Code.String(), Description: s.Status().Description,
			Attributes: texts(s.Attributes()), Links: len(s.Links()),
		})
	}
	return all
}

func pointsOf(t *testing.T, reader sdkmetric.Reader) map[string][]map[string]string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	points := map[string][]map[string]string{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			for _, p := range m.Data.(metricdata.Histogram[float64]).DataPoints {
				points[m.Name] = append(points[m.Name], texts(p.Attributes.ToSlice()))
			}
		}
	}
	return points
}

// texts are attributes without the port, which differs from server to server.
func texts(attributes []attribute.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range attributes {
		all[string(a.Key)] = a.Value.String()
	}
	if _, ok := all["server.port"]; ok {
		all["server.port"] = "some"
	}
	return maps.Clone(all)
}
