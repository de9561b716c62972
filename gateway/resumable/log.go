package resumable

import (
	"context"
	"log/slog"

	tuslog "golang.org/x/exp/slog"
)

// failures passes on what tusd logs as an error. What it says about requests the
// gateway says itself.
type failures struct {
	log   *slog.Logger
	attrs []any
}

// Enabled implements tuslog.Handler.
func (failures) Enabled(_ context.Context, level tuslog.Level) bool {
	return level >= tuslog.LevelError
}

// Handle implements tuslog.Handler.
func (f failures) Handle(ctx context.Context, r tuslog.Record) error {
	if r.Message == "BodyReadError" {
		return nil // the client's connection broke
	}
	attrs := f.attrs
	r.Attrs(func(a tuslog.Attr) bool {
		attrs = append(attrs[:len(attrs):len(attrs)], a.Key, a.Value.String())
		return true
	})
	f.log.ErrorContext(ctx, "resumable upload failed: "+r.Message, attrs...)
	return nil
}

// WithAttrs implements tuslog.Handler.
func (f failures) WithAttrs(attrs []tuslog.Attr) tuslog.Handler {
	for _, a := range attrs {
		f.attrs = append(f.attrs[:len(f.attrs):len(f.attrs)], a.Key, a.Value.String())
	}
	return f
}

// WithGroup implements tuslog.Handler.
func (f failures) WithGroup(string) tuslog.Handler { return f }
