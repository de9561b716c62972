package rpc

import (
	"context"
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
		defer func() { err = f.answer(ctx, req.Spec().Procedure, recovered(recover(), err)) }()
		return next(ctx, req)
	}
}

func (f faults) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (f faults) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) (err error) {
		defer func() { err = f.answer(ctx, conn.Spec().Procedure, recovered(recover(), err)) }()
		return next(ctx, conn)
	}
}

func recovered(panicked any, err error) error {
	if panicked == nil {
		return err
	}
	return fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
}

func (f faults) answer(ctx context.Context, procedure string, err error) error {
	if err == nil {
		return nil
	}
	if f.classify != nil {
		err = f.classify(err)
	}
	wire := fault.ToWire(err)
	switch wire.Code() {
	case connect.CodeInternal, connect.CodeUnknown, connect.CodeDataLoss, connect.CodeUnimplemented:
		f.log.ErrorContext(ctx, "call failed", "procedure", procedure, "error", err)
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded:
		f.log.WarnContext(ctx, "call not possible now", "procedure", procedure, "error", err)
	}
	return wire
}
