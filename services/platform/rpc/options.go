package rpc

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"connectrpc.com/connect"
	"go.opentelemetry.io/otel"

	"douyin.dev/services/platform/auth"
)

// defaultDeadline bounds a unary call whose caller set none.
const defaultDeadline = 10 * time.Second

// minCompressed is the smallest answer that is compressed for a client who
// accepts it, in bytes.
const minCompressed = 1024

// Verifier checks viewer tokens.
type Verifier interface {
	Verify(ctx context.Context, token string) (auth.Verified, error)
}

// HandlerDeps is what the server side needs.
type HandlerDeps struct {
	Log      *slog.Logger
	Verifier Verifier
	// Classify turns errors of the infrastructure into faults; errors it does
	// not know it returns as they are.
	Classify func(error) error
}

// HandlerOptions returns the options of every handler of the mesh.
func HandlerOptions(d HandlerDeps) ([]connect.HandlerOption, error) {
	telemetry, err := newObserver(ofProcess(), false, true)
	if err != nil {
		return nil, err
	}
	return []connect.HandlerOption{
		connect.WithReadMaxBytes(MaxMessageBytes),
		connect.WithInterceptors(
			telemetry,
			callLog{d.Log},
			deadlines{},
			faults{log: d.Log, classify: d.Classify},
			&viewers{verifier: d.Verifier},
		),
	}, nil
}

// ClientOptions returns the options of every client of the mesh.
func ClientOptions() ([]connect.ClientOption, error) {
	telemetry, err := newObserver(ofProcess(), true, false)
	if err != nil {
		return nil, err
	}
	calls, err := newResilience(otel.GetMeterProvider())
	if err != nil {
		return nil, err
	}
	return []connect.ClientOption{
		// Inside one network packing costs more than it saves.
		connect.WithAcceptCompression("gzip", nil, nil),
		connect.WithInterceptors(telemetry, deadlines{}, calls, forwardViewer{}),
	}, nil
}

// deadlines gives unary calls without a deadline the default one. Connect
// sends what is left of it along, so it shrinks from hop to hop.
type deadlines struct{ passStreams }

func (deadlines) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if _, ok := ctx.Deadline(); ok {
			return next(ctx, req)
		}
		ctx, cancel := context.WithTimeout(ctx, defaultDeadline)
		defer cancel()
		return next(ctx, req)
	}
}

// passStreams leaves streams as they are.
type passStreams struct{}

func (passStreams) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (passStreams) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

// errNoAccess is a mistake of ours: an RPC that does not say who may call it.
var errNoAccess = errors.New("rpc declares no (douyin.options.v1.access)")

// EdgeOptions returns the options of handlers clients call directly: as
// HandlerOptions, but who the viewer is the edge finds out itself, and a
// client's trace is linked to, not trusted.
func EdgeOptions(log *slog.Logger) ([]connect.HandlerOption, error) {
	telemetry, err := newObserver(ofProcess(), false, false)
	if err != nil {
		return nil, err
	}
	return []connect.HandlerOption{
		connect.WithReadMaxBytes(MaxMessageBytes),
		connect.WithCompressMinBytes(minCompressed),
		connect.WithInterceptors(telemetry, deadlines{}, faults{log: log}),
	}, nil
}
