package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"douyin.dev/services/platform/telemetry"
)

func start(t *testing.T, c telemetry.Config) *telemetry.Telemetry {
	t.Helper()
	c.Service, c.Version = "probe", "v1"
	if c.LogTo == nil {
		c.LogTo = io.Discard
	}
	tel, err := telemetry.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tel.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return tel
}

func ask(t *testing.T, h http.Handler, method, url string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, url, nil))
	return w.Code, w.Body.String()
}

func TestLogLineCarriesItsTrace(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tel := start(t, telemetry.Config{SampleRatio: 1, LogTo: &out})
	ctx, span := tel.Tracers().Tracer("test").Start(t.Context(), "work")
	tel.Log().With("a", 1).InfoContext(ctx, "inside")
	span.End()
	tel.Log().InfoContext(t.Context(), "outside")

	var got []map[string]any
	for line := range strings.Lines(out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		delete(m, "time")
		got = append(got, m)
	}
	want := []map[string]any{
		{
			"level": "INFO", "msg": "inside", "service": "probe", "a": 1.0,
			"trace_id": span.SpanContext().TraceID().String(), "span_id": span.SpanContext().SpanID().String(),
		},
		{"level": "INFO", "msg": "outside", "service": "probe"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestLogLevelChangesAtRunTime(t *testing.T) {
	t.Parallel()
	tel := start(t, telemetry.Config{LogLevel: slog.LevelWarn})
	level := func() slog.Level {
		for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn} {
			if tel.Log().Enabled(t.Context(), l) {
				return l
			}
		}
		return slog.LevelError
	}
	for _, step := range []struct {
		method, url string
		code        int
		body        string
		after       slog.Level
	}{
		{"GET", "/", 200, "warn\n", slog.LevelWarn},
		{"PUT", "/?level=debug", 200, "debug\n", slog.LevelDebug},
		{"GET", "/", 200, "debug\n", slog.LevelDebug},
		{"PUT", "/?level=loud", 400, "level must be debug, info, warn or error\n", slog.LevelDebug},
		{"PUT", "/", 400, "level must be debug, info, warn or error\n", slog.LevelDebug},
		{"POST", "/?level=error", 405, "method not allowed\n", slog.LevelDebug},
		{"PUT", "/?level=ERROR", 200, "error\n", slog.LevelError},
	} {
		code, body := ask(t, tel.LogLevel(), step.method, step.url)
		if code != step.code || body != step.body || level() != step.after {
			t.Errorf("%s %s: %d %q, level %v; want %d %q, level %v", step.method, step.url, code, body, level(), step.code, step.body, step.after)
		}
	}
}

func TestMetricsAnswerPrometheus(t *testing.T) {
	t.Parallel()
	tel := start(t, telemetry.Config{})
	counter, err := tel.Meters().Meter("test").Int64Counter("douyin_test_likes")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(t.Context(), 3)
	code, body := ask(t, tel.Metrics(), "GET", "/metrics")
	if code != 200 {
		t.Fatal(code)
	}
	for _, want := range []string{"douyin_test_likes_total{", "go_goroutine_count", `service_name="probe"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
}

func TestTraceCrossesAProcess(t *testing.T) {
	t.Parallel()
	here, there := start(t, telemetry.Config{SampleRatio: 1}), start(t, telemetry.Config{SampleRatio: 0, Spans: 8})
	ctx, span := here.Tracers().Tracer("test").Start(t.Context(), "caller")
	defer span.End()
	carrier := propagation.MapCarrier{}
	here.Propagator().Inject(ctx, carrier)
	_, callee := there.Tracers().Tracer("test").Start(there.Propagator().Extract(t.Context(), carrier), "callee")
	callee.End()
	// Recorded there because it is recorded here, whatever there's own ratio.
	if code, body := ask(t, there.Traces(), "GET", "/traces/"+span.SpanContext().TraceID().String()); code != 200 || !strings.Contains(body, "callee") {
		t.Errorf("got %d %s", code, body)
	}
}

func TestNothingIsRecordedAtRatioZero(t *testing.T) {
	t.Parallel()
	tel := start(t, telemetry.Config{SampleRatio: 0, Spans: 8})
	_, span := tel.Tracers().Tracer("test").Start(t.Context(), "work")
	span.End()
	if _, body := ask(t, tel.Traces(), "GET", "/traces"); !strings.Contains(body, "No span was recorded yet.") {
		t.Error(body)
	}
}

func TestRatioOutOfRangeIsRefused(t *testing.T) {
	t.Parallel()
	for _, ratio := range []float64{-0.1, 1.1} {
		if _, err := telemetry.Start(t.Context(), telemetry.Config{SampleRatio: ratio}); err == nil {
			t.Errorf("%v was accepted", ratio)
		}
	}
}

// recorded feeds a ring with spans of given times.
func recorded(ring *telemetry.Ring, stubs ...tracetest.SpanStub) {
	for _, s := range tracetest.SpanStubs(stubs).Snapshots() {
		ring.OnEnd(s)
	}
}

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func stub(traceID, id, parent byte, name string, from, to time.Duration) tracetest.SpanStub {
	in := func(span byte) trace.SpanContext {
		c := trace.SpanContextConfig{TraceID: trace.TraceID{15: traceID}, TraceFlags: trace.FlagsSampled}
		if span != 0 {
			c.SpanID = trace.SpanID{7: span}
		}
		return trace.NewSpanContext(c)
	}
	return tracetest.SpanStub{Name: name, SpanContext: in(id), Parent: in(parent), StartTime: noon.Add(from), EndTime: noon.Add(to)}
}

// A path is a piece of a request's head, which may be long.
func TestKeptSpansDoNotKeepWhatTheirTextWasAPieceOf(t *testing.T) {
	const heads, size = 64, 1 << 20
	ring := telemetry.NewRing(heads)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range heads {
		s := stub(1, 1, 0, "GET", 0, time.Millisecond)
		s.Attributes = []attribute.KeyValue{attribute.String("url.path", strings.Repeat("p", size)[:16])}
		recorded(ring, s)
	}
	if after := heap(); after > before+heads*size/2 {
		t.Errorf("%d spans keep %d bytes", heads, after-before)
	}
	runtime.KeepAlive(ring)
}

func TestWaterfallAsText(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	ring := telemetry.NewRing(16)
	failed := stub(1, 4, 2, "redis GET", 30*ms, 35*ms)
	failed.Status = sdktrace.Status{Code: codes.Error, Description: "timeout"}
	recorded(ring,
		stub(1, 3, 2, "postgres INSERT", 10*ms, 30*ms), // children end before their parents
		failed,
		stub(1, 2, 1, "InteractionService/LikeVideo", 10*ms, 90*ms),
		stub(1, 1, 0, "POST /douyin/favorite/action/", 0, 100*ms),
		stub(1, 5, 9, "orphan", 99500*time.Microsecond, 100*ms),
		stub(2, 1, 0, "another trace", 0, ms),
	)
	_, got := ask(t, ring.Handler(), "GET", "/traces/00000000000000000000000000000001?format=text")
	want := `trace 00000000000000000000000000000001  2026-05-01T12:00:00Z  5 spans  100ms

POST /douyin/favorite/action/   |████████████████████████████████████████|     100ms
  InteractionService/LikeVideo  |    ████████████████████████████████    |      80ms
    postgres INSERT             |    ████████                            |      20ms
    redis GET                   |            ██                          |       5ms  failed
orphan                          |                                       █|     500µs
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("waterfall (-want +got):\n%s", diff)
	}
}

func TestRingKeepsTheNewest(t *testing.T) {
	t.Parallel()
	ring := telemetry.NewRing(3)
	for i := range byte(5) {
		recorded(ring, stub(i+1, 1, 0, fmt.Sprintf("span %d", i+1), time.Duration(i)*time.Second, time.Duration(i+1)*time.Second))
	}
	_, page := ask(t, ring.Handler(), "GET", "/traces")
	var order []string
	for _, part := range strings.Split(page, `">span `)[1:] {
		order = append(order, part[:1])
	}
	if diff := cmp.Diff([]string{"5", "4", "3"}, order); diff != "" {
		t.Errorf("traces (-want +got):\n%s", diff)
	}
}

func TestPagesEscapeWhatTheyShow(t *testing.T) {
	t.Parallel()
	ring := telemetry.NewRing(3)
	recorded(ring, stub(1, 1, 0, `<script>alert(1)</script>`, 0, time.Second))
	for _, url := range []string{"/traces", "/traces/", "/traces/00000000000000000000000000000001"} {
		code, page := ask(t, ring.Handler(), "GET", url)
		if code != 200 || strings.Contains(page, "<script") || !strings.Contains(page, "&lt;script&gt;") || strings.Contains(page, "ZgotmplZ") {
			t.Errorf("%s: %d\n%s", url, code, page)
		}
	}
}

func TestUnknownTraceIsNotFound(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"x", "00000000000000000000000000000009"} {
		if code, _ := ask(t, telemetry.NewRing(3).Handler(), "GET", "/traces/"+id); code != http.StatusNotFound {
			t.Errorf("%s: %d", id, code)
		}
	}
	if code, _ := ask(t, telemetry.NewRing(3).Handler(), "DELETE", "/traces"); code != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: %d", code)
	}
}

func TestFailedSpanIsMarked(t *testing.T) {
	t.Parallel()
	tel := start(t, telemetry.Config{SampleRatio: 1, Spans: 8})
	_, span := tel.Tracers().Tracer("test").Start(t.Context(), "work")
	span.RecordError(errors.New("boom"))
	span.SetStatus(codes.Error, "boom")
	span.End()
	if _, body := ask(t, tel.Traces(), "GET", "/traces"); !strings.Contains(body, "(failed)") {
		t.Error(body)
	}
}

func BenchmarkSpan(b *testing.B) {
	tel, err := telemetry.Start(b.Context(), telemetry.Config{Service: "b", SampleRatio: 1, Spans: 4096, LogTo: io.Discard})
	if err != nil {
		b.Fatal(err)
	}
	tracer := tel.Tracers().Tracer("bench")
	b.ReportAllocs()
	for b.Loop() {
		_, span := tracer.Start(b.Context(), "work")
		span.End()
	}
}
