package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"douyin.dev/gateway/gatewaytest"
	"douyin.dev/services/platform/fault"
)

// toldOf is what was told of one call.
type toldOf struct {
	Spans  []toldSpan
	Points map[string][]map[string]string
}

type toldSpan struct {
	Name, Kind, Status, Parent string
	Attributes                 map[string]string
	Links                      int
}

// TestRESTCallsAreObservedAsOtelhttpDoes makes the same calls under otelhttp and
// under our own observer.
func TestRESTCallsAreObservedAsOtelhttpDoes(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	for name, call := range map[string]struct {
		method, target, body string
		header               map[string]string
	}{
		"good":             {method: http.MethodGet, target: "/douyin/feed/?latest_time=1"},
		"with a body":      {method: http.MethodPost, target: "/douyin/user/register/", body: "username=a&password=b", header: map[string]string{"Content-Type": form}},
		"wrong method":     {method: http.MethodDelete, target: "/douyin/feed/"},
		"unheard method":   {method: "BREW", target: "/douyin/feed/"},
		"options":          {method: http.MethodOptions, target: "/douyin/feed/"},
		"overload":         {method: http.MethodGet, target: "/douyin/user/"},
		"with an agent":    {method: http.MethodGet, target: "/douyin/feed/", header: map[string]string{"User-Agent": "phone"}},
		"in a trace":       {method: http.MethodGet, target: "/douyin/feed/", header: map[string]string{"Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}},
		"in no real trace": {method: http.MethodGet, target: "/douyin/feed/", header: map[string]string{"Traceparent": "nonsense"}},
		"a page":           {method: http.MethodGet, target: "/ping"},
	} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/secure=%v", name, secure), func(t *testing.T) {
				t.Parallel()
				send := func(r *http.Request) {
					for name, value := range call.header {
						r.Header.Set(name, value)
					}
				}
				want := observeCall(t, secure, call.method, call.target, call.body, send, func(s Signals) http.Handler {
					observed := otelhttp.NewHandler(overloadedUsers(t, Signals{}), "rest",
						otelhttp.WithTracerProvider(s.Tracers), otelhttp.WithMeterProvider(s.Meters), otelhttp.WithPropagators(s.Propagator),
						otelhttp.WithPublicEndpointFn(func(*http.Request) bool { return true }))
					mux := http.NewServeMux()
					for _, path := range []string{"/ping", "/douyin/feed", "/douyin/user", "/douyin/user/register"} {
						mux.Handle(path, observed)
						mux.Handle(path+"/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							r.Pattern = path
							observed.ServeHTTP(w, r)
						}))
					}
					return mux
				})
				got := observeCall(t, secure, call.method, call.target, call.body, send, func(s Signals) http.Handler { return overloadedUsers(t, s) })
				withoutWhatDiffers(&want, call.body != "")
				delete(got.Points, "douyin_gateway_answers")
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("observed otherwise (-otelhttp +ours):\n%s", diff)
				}
			})
		}
	}
}

// withoutWhatDiffers removes what the observer leaves out on purpose.
func withoutWhatDiffers(want *toldOf, hasBody bool) {
	for _, points := range want.Points {
		for _, point := range points {
			delete(point, "server.address")
			delete(point, "server.port")
		}
	}
	if !hasBody {
		delete(want.Points, "http.server.request.body.size")
	}
}

// overloadedUsers is a REST face that sheds /douyin/user.
func overloadedUsers(t *testing.T, s Signals) http.Handler {
	t.Helper()
	r := &recording{}
	h, err := New(Servers{
		Feed: r, User: r, Video: r, Interaction: r, Relation: r, Message: r, Publish: http.NotFoundHandler(), Stream: http.NotFoundHandler(),
	}, Options{Signals: s, Session: func(next Handler) Handler {
		return func(ctx context.Context, w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(CallFrom(ctx).Procedure, "/GetUser") {
				AnswerOverload(ctx, w)
				return
			}
			next(ctx, w, r)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// observeCall makes one call to what build returns and answers what was told.
func observeCall(t *testing.T, secure bool, method, target, body string, send func(*http.Request), build func(Signals) http.Handler) toldOf {
	t.Helper()
	spans, reader := tracetest.NewSpanRecorder(), sdkmetric.NewManualReader()
	web := httptest.NewUnstartedServer(build(Signals{
		Tracers: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)), Meters: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
		Propagator: propagation.TraceContext{},
	}))
	web.EnableHTTP2 = secure
	if secure {
		web.StartTLS()
	} else {
		web.Start()
	}
	defer web.Close()
	r, err := http.NewRequestWithContext(t.Context(), method, web.URL+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body == "" {
		r.Body = http.NoBody
	}
	send(r)
	res, err := web.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	web.Close() // waits for the span
	return toldOf{Spans: spansOf(spans), Points: pointsOf(t, reader)}
}

func spansOf(r *tracetest.SpanRecorder) []toldSpan {
	var all []toldSpan
	for _, s := range r.Ended() {
		all = append(all, toldSpan{
			Name: s.Name(), Kind: s.SpanKind().String(), Status: s.Status().Code.String(), Parent: s.Parent().SpanID().String(),
			Attributes: texts(s.Attributes()), Links: len(s.Links()),
		})
	}
	return all
}

// pointsOf are the attributes of all measurements; of sizes with their sum.
func pointsOf(t *testing.T, reader sdkmetric.Reader) map[string][]map[string]string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	points := map[string][]map[string]string{}
	add := func(m metricdata.Metrics, attributes attribute.Set, sum string) {
		text := texts(attributes.ToSlice())
		text["sum"] = sum
		points[m.Name] = append(points[m.Name], text)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch kind := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range kind.DataPoints {
					add(m, p.Attributes, m.Description+m.Unit+fmt.Sprint(p.Bounds))
				}
			case metricdata.Histogram[int64]:
				for _, p := range kind.DataPoints {
					add(m, p.Attributes, m.Description+m.Unit+fmt.Sprint(p.Bounds, p.Sum))
				}
			case metricdata.Sum[int64]:
				for _, p := range kind.DataPoints {
					add(m, p.Attributes, fmt.Sprint(p.Value))
				}
			}
		}
	}
	return points
}

// texts are attributes without what differs from server to server.
func texts(attributes []attribute.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range attributes {
		all[string(a.Key)] = a.Value.String()
	}
	for _, name := range []string{"server.port", "network.peer.port"} {
		if _, ok := all[name]; ok {
			all[name] = "some"
		}
	}
	return all
}

// Answers that failed are HTTP 200 all the same, so they are counted by their
// status_code.
func TestAnswersAreCountedByRouteAndClass(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	b := setup(t, func(_ *Servers, o *Options) {
		o.Signals = Signals{Meters: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))}
	})
	b.get("/douyin/feed")
	b.get("/douyin/feed/")
	b.get("/douyin/user?user_id=x")
	b.get("/douyin/user?user_id=666") // panics
	b.get("/douyin/nothing")
	b.do(gatewaytest.Request(http.MethodOptions, "/douyin/feed", nil)) // has no status_code
	b.get("/ping")                                                     // nor does this count
	b.fail = fault.LoginRequired()
	b.get("/douyin/feed")
	b.fail = fault.Unavailable(errors.New("down"))
	r := gatewaytest.Request(http.MethodGet, "/douyin/feed", nil)
	r.Header.Set("Accept-Encoding", "gzip") // another writer in between
	b.do(r)

	got := pointsOf(t, reader)["douyin_gateway_answers"]
	slices.SortFunc(got, func(a, b map[string]string) int {
		return strings.Compare(a["route"]+" "+a["class"], b["route"]+" "+b["class"])
	})
	want := []map[string]string{
		{"route": "", "class": "4xxxx", "sum": "1"},
		{"route": "/douyin/feed", "class": "0", "sum": "2"},
		{"route": "/douyin/feed", "class": "1xxxx", "sum": "1"},
		{"route": "/douyin/feed", "class": "5xxxx", "sum": "1"},
		{"route": "/douyin/user", "class": "4xxxx", "sum": "1"},
		{"route": "/douyin/user", "class": "5xxxx", "sum": "1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// What clients make up must not become a name or a label.
func TestUnknownPathsAndMethodsHaveNoNameOfTheirOwn(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]string{http.MethodGet: "GET", "BREW": "HTTP"} {
		told := observeCall(t, false, method, "/douyin/made-up", "", func(*http.Request) {}, func(s Signals) http.Handler { return overloadedUsers(t, s) })
		if len(told.Spans) != 1 || told.Spans[0].Name != want {
			t.Errorf("%s: spans %v", method, told.Spans)
		}
		for name, points := range told.Points {
			for _, point := range points {
				if _, ok := point["http.route"]; ok || strings.Contains(fmt.Sprint(point), "made-up") || strings.Contains(fmt.Sprint(point), "BREW") {
					t.Errorf("%s: %v", name, point)
				}
			}
		}
	}
}

// What could not be done for a client who left is nobody's failure.
func TestAnswersToClientsWhoLeftAreNoFailures(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	leave, left := context.WithCancel(t.Context())
	defer left()
	r := &recording{fail: context.Canceled}
	h, err := New(Servers{
		Feed: r, User: r, Video: r, Interaction: r, Relation: r, Message: r, Publish: http.NotFoundHandler(), Stream: http.NotFoundHandler(),
	}, Options{Signals: Signals{Meters: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))}})
	if err != nil {
		t.Fatal(err)
	}
	left()
	for _, ctx := range []context.Context{leave, t.Context()} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/douyin/user/?user_id=1", nil))
	}
	got := pointsOf(t, reader)["douyin_gateway_answers"]
	if len(got) != 1 || got[0]["class"] != "5xxxx" || got[0]["sum"] != "1" {
		t.Errorf("counted %v, want one failure: of the client who stayed", got)
	}
}

func TestProtocolsThereAreNoneOfHaveNoSeries(t *testing.T) {
	t.Parallel()
	for told, want := range map[string]string{"HTTP/1.1": "HTTP/1.1", "HTTP/2.0": "HTTP/2.0", "HTTP/1.7": "", "": ""} {
		if got := knownProtocol(told); got != want {
			t.Errorf("%q is told as %q, want %q", told, got, want)
		}
	}
}
