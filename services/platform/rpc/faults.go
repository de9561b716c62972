package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"connectrpc.com/connect"

	"douyin.dev/services/platform/fault"
)

// faults decides what is sent for an error, logs what is not sent, and turns
// a panic into an internal error.
type faults struct {
	log      *slog.Logger
	classify func(error) error
}

func (f faults) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (res connect.AnyResponse, err error) {
		defer func() { err = f.answer(ctx, req.Spec(), recovered(recover(), err)) }()
		return next(ctx, req)
	}
}

func (f faults) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (f faults) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) (err error) {
		defer func() { err = f.answer(ctx, conn.Spec(), recovered(recover(), err)) }()
		return next(ctx, conn)
	}
}

func recovered(panicked any, err error) error {
	if panicked == nil {
		return err
	}
	return fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
}

func (f faults) answer(ctx context.Context, spec connect.Spec, err error) error {
	if err == nil {
		return nil
	}
	if f.classify != nil {
		err = f.classify(err)
	}
	if fault.IsOutcomeUnknown(err) {
		if spec.IdempotencyLevel != connect.IdempotencyNoSideEffects {
			return f.outcomeUnknown(ctx, spec.Procedure, err)
		}
		err = fault.Unavailable(err) // what a read changes on the way is nothing its caller asked for
	}
	wire := fault.ToWire(err)
	switch wire.Code() {
	case connect.CodeInternal, connect.CodeUnknown, connect.CodeDataLoss, connect.CodeUnimplemented:
		f.log.ErrorContext(ctx, "call failed", "procedure", spec.Procedure, "error", err)
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded:
		f.log.WarnContext(ctx, "call not possible now", "procedure", spec.Procedure, "error", err)
	}
	return wire
}

func (f faults) outcomeUnknown(ctx context.Context, procedure string, err error) error {
	level := slog.LevelWarn
	if errors.Is(err, context.Canceled) {
		level = slog.LevelDebug // the caller left
	}
	f.log.Log(ctx, level, "outcome of a call is unknown", "procedure", procedure, "error", err)
	return fault.ToWire(err)
}
