package rpc

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"connectrpc.com/connect"

	"douyin.dev/services/platform/auth"
)

// Local is the short way between components of one process: a unary call goes from
// its client's interceptors straight to its handler's, and nothing is written as
// bytes to be read again beside it. What interceptors mean stays: access, telemetry,
// deadlines, retries, and what an error says. Streams, and procedures that are not
// here, take the transport.
//
// A message is handed over, not copied: from then on neither side may change it.
// Callers and handlers alike make a new one instead.
//
// It is safe for concurrent use. Nothing goes the short way before Open and after
// Close, so that what the transport does about calls that come too early or too late
// holds for all.
type Local struct {
	// Seen is shown each message when it is handed over: a test can see then whether
	// somebody changes it later. Set before use; nil for nobody.
	Seen func(procedure string, message any)

	mu    sync.Mutex
	known map[string]connect.UnaryFunc
	open  atomic.Pointer[map[string]connect.UnaryFunc]
}

// NewLocal returns a Local without procedures.
func NewLocal() *Local { return &Local{known: map[string]connect.UnaryFunc{}} }

// Open makes the handlers that were made so far callable.
func (l *Local) Open() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open.Store(&l.known)
}

// Close sends further calls over the transport.
func (l *Local) Close() { l.open.Store(nil) }

// HandlerOption makes the unary procedures of a handler known. It comes before the
// other options, so that their interceptors are part of a procedure.
func (l *Local) HandlerOption() connect.HandlerOption {
	return connect.WithConditionalHandlerOptions(func(spec connect.Spec) []connect.HandlerOption {
		return []connect.HandlerOption{connect.WithInterceptors(made{local: l, procedure: spec.Procedure})}
	})
}

// ClientOption makes a client's unary calls the short way. It comes after the other
// options, so that their interceptors see the calls.
func (l *Local) ClientOption() connect.ClientOption { return connect.WithInterceptors(short{local: l}) }

// made learns what answers a procedure when its handler is made: connect wraps the
// implementation then, once, and not for each call.
type made struct {
	passStreams
	local     *Local
	procedure string
}

func (m made) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	m.local.mu.Lock()
	defer m.local.mu.Unlock()
	if m.local.open.Load() == nil {
		m.local.known[m.procedure] = next
	}
	return next
}

// short makes a call the short way when there is one.
type short struct {
	passStreams
	local *Local
}

func (s short) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if all := s.local.open.Load(); all != nil {
			if answer, ok := (*all)[req.Spec().Procedure]; ok {
				return s.call(ctx, req, answer)
			}
		}
		return next(ctx, req)
	}
}

func (s short) call(ctx context.Context, req connect.AnyRequest, answer connect.UnaryFunc) (connect.AnyResponse, error) {
	seen := s.local.Seen
	if seen != nil {
		seen(req.Spec().Procedure, req.Any())
	}
	// Who acts is what the token in the header says, as over a network.
	res, err := answer(auth.Anonymous(ctx), req)
	if err != nil {
		return nil, received(err)
	}
	if seen != nil {
		seen(req.Spec().Procedure, res.Any())
	}
	return res, nil
}

// received is an error as it arrives over a network.
func received(err error) error {
	sent := new(connect.Error)
	if !errors.As(err, &sent) || connect.IsWireError(sent) {
		return err
	}
	wire := connect.NewWireError(sent.Code(), errors.New(sent.Message()))
	for _, detail := range sent.Details() {
		wire.AddDetail(detail)
	}
	return wire
}
