package gateway

import "connectrpc.com/connect"

// streamInterceptor is a middleware of streams of Connect and gRPC, as
// connect.UnaryInterceptorFunc is one of unary calls.
type streamInterceptor func(connect.StreamingHandlerFunc) connect.StreamingHandlerFunc

// WrapUnary implements connect.Interceptor.
func (streamInterceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc { return next }

// WrapStreamingClient implements connect.Interceptor.
func (streamInterceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler implements connect.Interceptor.
func (i streamInterceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return i(next)
}
