package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/trace"
)

// NewLogHandler returns a handler that writes JSON lines to w and adds trace_id
// and span_id of the context a line is logged with.
func NewLogHandler(w io.Writer, level slog.Leveler) slog.Handler {
	return &logHandler{next: slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})}
}

// logHandler adds the trace to each record. Inside a group it lands in the
// group: the platform uses none at the top of a logger.
type logHandler struct{ next slog.Handler }

func (h *logHandler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r = r.Clone()
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.next.Handle(ctx, r)
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{next: h.next.WithAttrs(attrs)}
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{next: h.next.WithGroup(name)}
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
