package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Resolver finds the addresses of a host. net.Resolver is one.
type Resolver interface {
	LookupHost(ctx context.Context, host string) ([]string, error)
}

// BalancerOptions says how a Balancer finds and reaches services. The zero
// value works.
type BalancerOptions struct {
	// Resolver is asked for addresses; nil for the system's.
	Resolver Resolver
	// Every is how long addresses are believed; 0 for 3 seconds. A call that
	// could not connect asks again at once.
	Every time.Duration
	// Patience is how long a call waits for the first address of a name; 0 for 6
	// seconds, which is longer than a cluster's name server remembers that there
	// was none.
	Patience time.Duration
	// Credentials are shown to the services of https URLs, and decide who is
	// trusted to be one; nil for no certificate and the system's roots.
	Credentials *Credentials
}

// Balancer is a transport that spreads the requests for a name over all its
// addresses: in turn, past those that do not accept connections and those far
// busier than the others. What could not connect is sent to the next address,
// since nothing of it has left. It is safe for concurrent use.
type Balancer struct {
	options BalancerOptions
	alive   context.Context
	end     context.CancelFunc
	loops   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	groups map[string]*group // by scheme, host and port
}

// NewBalancer returns a transport: over HTTP/1.1 for unary calls, over HTTP/2 for
// streams. Close ends it.
func NewBalancer(o BalancerOptions) *Balancer {
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Every <= 0 {
		o.Every = 3 * time.Second
	}
	if o.Patience <= 0 {
		o.Patience = 6 * time.Second
	}
	b := &Balancer{options: o, groups: map[string]*group{}}
	b.alive, b.end = context.WithCancel(context.Background())
	return b
}

// Close ends the look-ups and the idle connections. Calls under way go on.
func (b *Balancer) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.end()
	b.loops.Wait()
	b.CloseIdleConnections()
	for _, g := range b.groups {
		for _, e := range g.leaving {
			e.closeIdle()
		}
	}
	return nil
}

// CloseIdleConnections closes the connections that carry nothing.
func (b *Balancer) CloseIdleConnections() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, g := range b.groups {
		for _, e := range g.known() {
			e.closeIdle()
		}
	}
}

// attempts bounds the addresses tried for one request.
const attempts = 4

var errBalancerClosed = errors.New("balancer is closed")

// RoundTrip implements http.RoundTripper.
func (b *Balancer) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.ContentLength > 0 && req.ContentLength <= MaxMessageBytes {
		whole, err := inMemory(req)
		if err != nil {
			return nil, err
		}
		return b.send(whole)
	}
	body := holdBody(req)
	res, err := b.send(body.request())
	body.release(err)
	return res, err
}

func (b *Balancer) send(req *http.Request) (*http.Response, error) {
	g, err := b.group(req.URL.Scheme, req.URL.Host)
	if err != nil {
		return nil, err
	}
	if err := g.wait(req.Context()); err != nil {
		return nil, err
	}
	var tried [attempts]*endpoint
	for i := range tried {
		e := g.pick(tried[:i])
		if e == nil {
			break
		}
		tried[i] = e
		var res *http.Response
		if res, err = e.send(again(req)); err != nil && NotSent(err) && req.Context().Err() == nil {
			g.missed(e)
			continue
		}
		if err == nil && res.Close {
			g.drains(e)
		}
		return res, err
	}
	return nil, err
}

// again is a request for one more address: a transport that tried may have read
// of its body.
func again(req *http.Request) *http.Request {
	if req.GetBody == nil {
		return req
	}
	fresh := *req
	fresh.Body, _ = req.GetBody() // of inMemory, which cannot fail
	return &fresh
}

// group returns the addresses of a name; with its first request it begins to
// look them up.
func (b *Balancer) group(scheme, hostPort string) (*group, error) {
	key := scheme + "://" + hostPort
	b.mu.Lock()
	defer b.mu.Unlock()
	if g := b.groups[key]; g != nil {
		return g, nil
	}
	if b.closed {
		return nil, errBalancerClosed
	}
	g, err := newGroup(b.options, scheme, hostPort)
	if err != nil {
		return nil, fmt.Errorf("balance %q: %w", hostPort, err)
	}
	b.groups[key] = g
	if g.host != "" {
		b.loops.Go(func() { g.follow(b.alive) })
	}
	return g, nil
}

// NotSent reports whether err says that nothing of the request has left: no
// connection could be made. Such a call may be repeated whatever it does.
func NotSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// inMemory is a request whose body was read: it goes out together with its
// header, as often as needed.
func inMemory(req *http.Request) (*http.Request, error) {
	body := make([]byte, req.ContentLength)
	_, err := io.ReadFull(req.Body, body)
	if err = errors.Join(err, req.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the body of a request: %w", err)
	}
	whole := *req
	whole.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return &whole, nil // each attempt gets a body of its own, see again
}

// heldBody keeps a request's body open while the request may be sent again:
// transports close it also when they could not connect.
type heldBody struct {
	io.ReadCloser
	original *http.Request

	mu       sync.Mutex
	released bool
	closed   bool
}

func holdBody(req *http.Request) *heldBody {
	return &heldBody{ReadCloser: req.Body, original: req}
}

func (h *heldBody) request() *http.Request {
	if h.ReadCloser == nil || h.ReadCloser == http.NoBody {
		return h.original
	}
	held := h.original.WithContext(h.original.Context())
	held.Body, held.GetBody = h, nil // or an attempt would have another than the one that is held
	return held
}

// Close implements io.Closer.
func (h *heldBody) Close() error {
	h.mu.Lock()
	h.closed = true
	now := h.released
	h.mu.Unlock()
	if now {
		return h.ReadCloser.Close()
	}
	return nil
}

// release ends the holding. A body its transport has closed, or that of a
// request which failed, is closed now.
func (h *heldBody) release(failure error) {
	if h.ReadCloser == nil {
		return
	}
	h.mu.Lock()
	h.released = true
	now := h.closed || failure != nil
	h.mu.Unlock()
	if now {
		_ = h.ReadCloser.Close()
	}
}
