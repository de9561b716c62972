package telemetry

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Ring is a span processor that keeps the newest ended spans and forgets the
// rest. It is safe for concurrent use.
type Ring struct {
	mu    sync.Mutex
	spans []span
	next  int
	full  bool
}

// span is what the pages show of one; about 200 bytes and its attributes.
type span struct {
	trace      trace.TraceID
	id, parent trace.SpanID
	name       string
	kind       trace.SpanKind
	start      time.Time
	took       time.Duration
	failed     bool
	attributes []attribute.KeyValue
}

// NewRing returns a ring of n spans. A ring of none keeps nothing.
func NewRing(n int) *Ring { return &Ring{spans: make([]span, max(n, 0))} }

// OnStart implements sdktrace.SpanProcessor.
func (r *Ring) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd implements sdktrace.SpanProcessor: it copies what is shown, so that the
// span itself can go.
func (r *Ring) OnEnd(s sdktrace.ReadOnlySpan) {
	if len(r.spans) == 0 || !s.SpanContext().IsSampled() {
		return
	}
	kept := span{
		trace: s.SpanContext().TraceID(), id: s.SpanContext().SpanID(), parent: s.Parent().SpanID(),
		name: s.Name(), kind: s.SpanKind(), start: s.StartTime(), took: s.EndTime().Sub(s.StartTime()),
		failed: s.Status().Code == codes.Error, attributes: detached(s.Attributes()),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans[r.next] = kept
	r.next++
	if r.next == len(r.spans) {
		r.next, r.full = 0, true
	}
}

// detached copies attributes with their text, which is often a small piece of a
// request's head: a span that is kept must not keep the head.
func detached(attributes []attribute.KeyValue) []attribute.KeyValue {
	out := slices.Clone(attributes)
	for i, a := range out {
		if a.Value.Type() == attribute.STRING {
			out[i].Value = attribute.StringValue(strings.Clone(a.Value.AsString()))
		}
	}
	return out
}

// Shutdown implements sdktrace.SpanProcessor.
func (r *Ring) Shutdown(context.Context) error { return nil }

// ForceFlush implements sdktrace.SpanProcessor.
func (r *Ring) ForceFlush(context.Context) error { return nil }

// snapshot returns the spans kept, in no order.
func (r *Ring) snapshot() []span {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full {
		return slices.Clone(r.spans)
	}
	return slices.Clone(r.spans[:r.next])
}

// one is a trace as far as it is known here.
type one struct {
	id    trace.TraceID
	start time.Time
	took  time.Duration
	rows  []row // parents before their children, siblings by time
}

// row is a span in its place.
type row struct {
	span
	depth  int
	offset time.Duration // from the trace's start
}

// traces returns what is kept, the newest trace first.
func (r *Ring) traces() []one {
	byTrace := map[trace.TraceID][]span{}
	for _, s := range r.snapshot() {
		byTrace[s.trace] = append(byTrace[s.trace], s)
	}
	all := make([]one, 0, len(byTrace))
	for _, spans := range byTrace {
		all = append(all, arrange(spans))
	}
	slices.SortFunc(all, func(a, b one) int { return b.start.Compare(a.start) })
	return all
}

// find returns the trace with this id in hexadecimal.
func (r *Ring) find(hex string) (one, bool) {
	id, err := trace.TraceIDFromHex(hex)
	if err != nil {
		return one{}, false
	}
	spans := slices.DeleteFunc(r.snapshot(), func(s span) bool { return s.trace != id })
	if len(spans) == 0 {
		return one{}, false
	}
	return arrange(spans), true
}

// arrange puts the spans of one trace, at least one, into the order of a
// waterfall. A span whose parent is not here, because it runs elsewhere, goes on
// or was forgotten, stands at the left.
func arrange(spans []span) one {
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(a.start.Compare(b.start), cmp.Compare(b.took, a.took))
	})
	here := make(map[trace.SpanID]bool, len(spans))
	for _, s := range spans {
		here[s.id] = true
	}
	children := map[trace.SpanID][]span{}
	for _, s := range spans {
		parent := s.parent
		if !here[parent] || parent == s.id {
			parent = trace.SpanID{}
		}
		children[parent] = append(children[parent], s)
	}
	t := one{id: spans[0].trace, start: spans[0].start, rows: make([]row, 0, len(spans))}
	var place func(parent trace.SpanID, depth int)
	place = func(parent trace.SpanID, depth int) {
		for _, s := range children[parent] {
			offset := s.start.Sub(t.start)
			t.took = max(t.took, offset+s.took)
			t.rows = append(t.rows, row{span: s, depth: depth, offset: offset})
			place(s.id, depth+1)
		}
	}
	place(trace.SpanID{}, 0)
	return t
}

// failed reports whether any span did.
func (t one) failed() bool {
	return slices.ContainsFunc(t.rows, func(r row) bool { return r.span.failed })
}
