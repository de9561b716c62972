package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// NewLogHandler returns a handler that writes JSON lines to w and adds trace_id
// and span_id of the context a line is logged with. Each key is there once, the
// last value counts, and one without a value is left out. Warnings and errors
// that repeat are written at growing intervals: see repeats.
func NewLogHandler(w io.Writer, level slog.Leveler) slog.Handler {
	return &logHandler{next: slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}), repeats: newRepeats()}
}

// logHandler keeps the attributes of its logger until a record comes, because a
// record may have other values for the same keys. The trace lands in the
// innermost group: the platform uses none at the top of a logger.
type logHandler struct {
	next    slog.Handler
	attrs   []slog.Attr // of the logger, since its last group
	groups  int
	repeats *repeats
	origin  uint64 // identifies the logger's groups and the attributes before them
}

func (h *logHandler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	attrs := make([]slog.Attr, len(h.attrs), len(h.attrs)+r.NumAttrs()+3)
	copy(attrs, h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		attrs = h.put(attrs, a)
		return true
	})
	if r.Level >= slog.LevelWarn {
		now := r.Time
		if now.IsZero() {
			now = time.Now()
		}
		leftOut, due := h.repeats.due(now, r.Level, h.origin, r.Message, h.attrs, attrs)
		if !due {
			return nil
		}
		if leftOut > 0 {
			attrs = h.put(attrs, slog.Int64("repeated", leftOut))
		}
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		attrs = h.put(attrs, slog.String("trace_id", span.TraceID().String()))
		attrs = h.put(attrs, slog.String("span_id", span.SpanID().String()))
	}
	line := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	line.AddAttrs(attrs...)
	return h.next.Handle(ctx, line)
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = slices.Clone(h.attrs)
	for _, a := range attrs {
		with.attrs = with.put(with.attrs, a)
	}
	return &with
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	in := *h
	in.next, in.attrs, in.groups = h.next.WithAttrs(h.attrs).WithGroup(name), nil, h.groups+1
	in.origin = hashOf(in.origin, name, h.attrs)
	return &in
}

// put sets an attribute in place of one with the same key. Keys that every line
// has are given another name.
func (h *logHandler) put(attrs []slog.Attr, a slog.Attr) []slog.Attr {
	if h.groups == 0 {
		switch a.Key {
		case slog.TimeKey, slog.LevelKey, slog.MessageKey, slog.SourceKey:
			a.Key = "attr_" + a.Key
		}
	}
	return put(attrs, a)
}

func put(attrs []slog.Attr, a slog.Attr) []slog.Attr {
	a.Value = a.Value.Resolve()
	switch a.Value.Kind() {
	case slog.KindGroup:
		members := a.Value.Group()
		if a.Key == "" { // slog writes its members in its stead
			for _, m := range members {
				attrs = put(attrs, m)
			}
			return attrs
		}
		var once []slog.Attr
		for _, m := range members {
			once = put(once, m)
		}
		a.Value = slog.GroupValue(once...)
	case slog.KindAny:
		if a.Value.Any() == nil {
			return attrs
		}
	}
	if i := slices.IndexFunc(attrs, func(b slog.Attr) bool { return b.Key == a.Key }); i >= 0 {
		attrs[i] = a
		return attrs
	}
	return append(attrs, a)
}

// levelHandler answers GET with the level and takes PUT ?level=debug. It is for
// the private port.
func levelHandler(level *slog.LevelVar) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead:
		case http.MethodPut:
			var wanted slog.Level
			if err := wanted.UnmarshalText([]byte(r.URL.Query().Get("level"))); err != nil {
				http.Error(w, "level must be debug, info, warn or error", http.StatusBadRequest)
				return
			}
			level.Set(wanted)
		default:
			w.Header().Set("Allow", "GET, HEAD, PUT")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintln(w, strings.ToLower(level.Level().String()))
	})
}
