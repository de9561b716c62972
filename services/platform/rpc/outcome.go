package rpc

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"connectrpc.com/connect"

	"douyin.dev/services/platform/fault"
)

// outcomeOf returns err, as fault.OutcomeUnknown when its call may have had an
// effect: the RPC has side effects, the call was sent, and what came back was no
// answer of its service.
func outcomeOf(spec connect.Spec, err error) error {
	switch {
	case err == nil, spec.IdempotencyLevel == connect.IdempotencyNoSideEffects:
		return err
	case connect.IsWireError(err), NotSent(err), errors.Is(err, errNotReached):
		return err
	}
	var own *fault.Error
	if errors.As(err, &own) {
		return err
	}
	switch connect.CodeOf(err) {
	case connect.CodeUnimplemented, connect.CodeUnauthenticated, connect.CodePermissionDenied, connect.CodeInvalidArgument:
		return err // nothing that looks for an RPC was reached, or nothing could be sent
	default:
		return fault.OutcomeUnknown(err)
	}
}

// WrapStreamingClient notices when the outcome of an upload is unknown. An upload
// that broke off before its end had no effect: its service waits for the end.
func (*resilience) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		if spec.StreamType != connect.StreamTypeClient {
			return conn
		}
		return &uploadConn{StreamingClientConn: conn}
	}
}

// WrapStreamingHandler implements connect.Interceptor.
func (*resilience) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

// uploadConn is a stream to a service that answers once, after the stream's end.
type uploadConn struct {
	connect.StreamingClientConn
	ended atomic.Bool // the end may have been sent
}

func (c *uploadConn) CloseRequest() error {
	c.ended.Store(true)
	return outcomeOf(c.Spec(), c.StreamingClientConn.CloseRequest())
}

func (c *uploadConn) Receive(message any) error {
	err := c.StreamingClientConn.Receive(message)
	if !c.ended.Load() || errors.Is(err, io.EOF) {
		return err
	}
	return outcomeOf(c.Spec(), err)
}
