package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
)

type poison struct{ err error }

func (p *poison) Error() string { return p.err.Error() }
func (p *poison) Unwrap() error { return p.err }

// Poison marks an error that delivering the message again will not cure: it
// cannot be decoded, or breaks a rule for ever. The text goes into the dead
// letter and the log; it must not quote the message. Poison(nil) is nil.
func Poison(err error) error {
	if err == nil {
		return nil
	}
	return &poison{err}
}

// IsPoison reports whether err is, or wraps, an error marked with Poison.
func IsPoison(err error) bool {
	var p *poison
	return errors.As(err, &p)
}

// guarded calls handle and turns a panic into poison: a bug that one message
// triggers must not take the process down again and again.
func guarded(ctx context.Context, log *slog.Logger, handle func(context.Context, []Message) error, batch []Message) (err error) {
	defer func() {
		if r := recover(); r != nil {
			text := panicText(r)
			log.ErrorContext(ctx, "handler panicked", "panic", text, "stack", string(debug.Stack()))
			err = Poison(errors.New(text))
		}
	}()
	return handle(ctx, batch)
}

// panicText names a panic without its value, which may quote the message; what
// the Go runtime says does not.
func panicText(r any) string {
	if e, ok := r.(runtime.Error); ok {
		return "panic: " + e.Error()
	}
	return fmt.Sprintf("panic: %T", r)
}

const (
	reasonBytes = 300
	// quoteBytes is the length from which a common piece counts as a quotation.
	quoteBytes = 8
)

// reason is the text of a dead letter. Should the error quote the message after
// all, the text is withheld: messages are private, dead letters are read.
func reason(err error, m Message) string {
	text := err.Error()
	if len(text) > reasonBytes {
		text = text[:reasonBytes]
	}
	for i := 0; i+quoteBytes <= len(text); i++ {
		if bytes.Contains(m.Value, []byte(text[i:i+quoteBytes])) {
			return "withheld: the error quotes the message"
		}
	}
	return text
}
