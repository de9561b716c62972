package rpc

import (
	"context"
	"log/slog"
	"time"

	"connectrpc.com/connect"
)

// callLog writes a line for each call at level debug: which procedure, how it
// ended and how long it took. The trace in the line is what other lines about
// the same request have in common. What was sent and answered is not logged.
type callLog struct{ log *slog.Logger }

func (c callLog) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if !c.log.Enabled(ctx, slog.LevelDebug) {
			return next(ctx, req)
		}
		began := time.Now()
		res, err := next(ctx, req)
		c.answered(ctx, req.Spec().Procedure, began, err)
		return res, err
	}
}

func (c callLog) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (c callLog) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		began := time.Now()
		err := next(ctx, conn)
		c.answered(ctx, conn.Spec().Procedure, began, err)
		return err
	}
}

func (c callLog) answered(ctx context.Context, procedure string, began time.Time, err error) {
	status := "ok"
	if err != nil {
		status = connect.CodeOf(err).String()
	}
	c.log.DebugContext(ctx, "call answered", "procedure", procedure, "status", status,
		"duration_ms", float64(time.Since(began).Microseconds())/1000)
}
