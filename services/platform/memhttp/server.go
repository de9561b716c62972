package memhttp

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"sync"
	"time"
)

// errClosed answers calls of a server that was closed.
var errClosed = errors.New("server in memory is closed")

// errBroken is what the caller sees of a handler that panicked: over a network
// its stream would be reset.
var errBroken = errors.New("stream in memory was reset by the handler")

// Server calls a handler for each request a client sends through it: it is the
// client's transport. It is safe for concurrent use.
type Server struct {
	handler http.Handler
	log     *slog.Logger
	// alive is the parent of every handler's context; it ends with Close.
	alive context.Context
	end   context.CancelFunc

	// spare hands a call to a goroutine that has ended one.
	spare chan call

	mu      sync.Mutex
	closed  bool
	calls   sync.WaitGroup
	workers sync.WaitGroup
}

// call is what a goroutine runs.
type call struct {
	exchange *exchange
	request  *http.Request
}

// restful is how long a goroutine waits for its next call. Its stack has grown
// to what handlers need; a new one would grow again, copying itself each time.
const restful = 5 * time.Second

// NewServer returns a server of h. Panics of the handler go to log.
func NewServer(h http.Handler, log *slog.Logger) *Server {
	s := &Server{handler: h, log: log, spare: make(chan call)}
	s.alive, s.end = context.WithCancel(context.Background())
	return s
}

// Run waits until ctx ends and closes the server.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	return s.Close()
}

// Close refuses further calls, cancels those under way and waits for their
// handlers.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.calls.Wait()
	s.workers.Wait()
	return nil
}

// begin counts a call, unless the server is closed.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.calls.Add(1)
	}
	return !s.closed
}

// RoundTrip implements http.RoundTripper. It returns when the handler has
// flushed, or written more than it may ahead of its reader, or is done.
func (s *Server) RoundTrip(req *http.Request) (*http.Response, error) {
	if !s.begin() {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, errClosed
	}
	ctx, cancel := context.WithCancel(s.alive)
	in := received(ctx, req)
	x := newExchange(cancel, in.Body)
	caller := req.Context()
	x.unwatch = context.AfterFunc(caller, func() { x.abort(caller.Err()) })
	s.start(call{x, in})
	<-x.headReady
	return x.answer(req)
}

// received is the request as the handler sees it: nothing of it is shared with
// the caller but the body, which only the handler reads.
func received(ctx context.Context, req *http.Request) *http.Request {
	in := req.WithContext(ctx)
	in.Header = req.Header.Clone()
	if in.Header == nil {
		in.Header = http.Header{}
	}
	in.URL = &url.URL{Path: req.URL.Path, RawPath: req.URL.RawPath, RawQuery: req.URL.RawQuery, ForceQuery: req.URL.ForceQuery}
	in.RequestURI = in.URL.RequestURI()
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	if in.Method == "" {
		in.Method = http.MethodGet
	}
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/2.0", 2, 0
	in.RemoteAddr = "memory"
	in.GetBody, in.Response, in.Cancel = nil, nil, nil //nolint:staticcheck // a server's request has none of them
	if in.Body == nil {
		in.Body = http.NoBody
	}
	return in
}

// start has a call served by a goroutine that is at rest, or by a new one.
func (s *Server) start(c call) {
	select {
	case s.spare <- c:
	default:
		s.workers.Go(func() { s.work(c) })
	}
}

// work serves calls until none comes for a while.
func (s *Server) work(c call) {
	rest := time.NewTimer(restful)
	defer rest.Stop()
	for {
		s.serve(c.exchange, c.request)
		rest.Reset(restful)
		select {
		case c = <-s.spare:
		case <-rest.C:
			return
		case <-s.alive.Done():
			return
		}
	}
}

func (s *Server) serve(x *exchange, in *http.Request) {
	defer s.calls.Done()
	defer func() {
		v := recover()
		if v == nil {
			x.finish(nil)
			return
		}
		if v != any(http.ErrAbortHandler) {
			s.log.Error("handler panicked", "path", in.URL.Path, "panic", v, "stack", string(debug.Stack()))
		}
		x.finish(errBroken)
	}()
	s.handler.ServeHTTP(x, in)
}
