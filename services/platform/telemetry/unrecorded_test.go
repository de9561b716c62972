package telemetry_test

import (
	"testing"

	"go.opentelemetry.io/otel/trace"

	"douyin.dev/services/platform/telemetry"
)

// Inside a trace that is not recorded nothing is made for a step, and what the
// step passes on says the same trace and the same decision.
func TestStepsOfAnUnrecordedTraceCostNothing(t *testing.T) { // not parallel: it counts allocations
	tel := start(t, telemetry.Config{SampleRatio: 0, Spans: 8})
	tracer := tel.Tracers().Tracer("test")
	root, span := tracer.Start(t.Context(), "request")
	if !span.SpanContext().IsValid() || span.IsRecording() {
		t.Fatalf("the request is at %v, recording %v", span.SpanContext(), span.IsRecording())
	}
	if allocations := testing.AllocsPerRun(100, func() {
		_, step := tracer.Start(root, "step")
		step.End()
	}); allocations != 0 {
		t.Errorf("a step allocates %v times", allocations)
	}
	inside, step := tracer.Start(root, "step")
	step.End()
	if got, want := trace.SpanContextFromContext(inside), span.SpanContext(); !got.Equal(want) {
		t.Errorf("the step passes on %v, want %v", got, want)
	}
}

// A trace of its own is decided anew, wherever it begins.
func TestATraceOfItsOwnIsRecordedInsideAnUnrecordedOne(t *testing.T) {
	t.Parallel()
	tel := start(t, telemetry.Config{SampleRatio: 1, Spans: 8})
	around := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2},
	}))
	tracer := tel.Tracers().Tracer("test")
	if _, step := tracer.Start(around, "step"); step.IsRecording() {
		t.Error("a step is recorded though its trace is not")
	}
	if _, own := tracer.Start(around, "own", trace.WithNewRoot()); !own.IsRecording() {
		t.Error("a trace of its own is not recorded")
	}
}

func TestNoTraceBeginsWithACallToSomebodyElse(t *testing.T) {
	t.Parallel()
	tel := start(t, telemetry.Config{SampleRatio: 1, Spans: 8})
	tracer, call := tel.Tracers().Tracer("test"), trace.WithSpanKind(trace.SpanKindClient)
	if _, span := tracer.Start(t.Context(), "PUBLISH", call); span.IsRecording() {
		t.Error("a loop's look at Redis is a trace")
	}
	request, root := tracer.Start(t.Context(), "request", trace.WithSpanKind(trace.SpanKindServer))
	if _, span := tracer.Start(request, "PUBLISH", call); !root.IsRecording() || !span.IsRecording() {
		t.Errorf("recorded: request %v, its call %v", root.IsRecording(), span.IsRecording())
	}
}
