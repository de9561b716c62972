package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// dialTimeout bounds how long an address may take to accept a connection.
	dialTimeout = 2 * time.Second
	// leastRest and longestRest bound how long an address that did not accept
	// one is left alone. The rest doubles with each failure.
	leastRest   = 250 * time.Millisecond
	longestRest = 5 * time.Second
	// between is the least time between two look-ups.
	between = 500 * time.Millisecond
	// lookupTimeout bounds one.
	lookupTimeout = 5 * time.Second
	// slack is how many calls more than twice the least busy address one may
	// have under way before its turn goes to that address.
	slack = 16
)

var errNoAddress = errors.New("no address is known")

// group is one name and its addresses.
type group struct {
	options    BalancerOptions
	scheme     string
	host, port string // host is "" when the URL has an address

	endpoints atomic.Pointer[[]*endpoint]
	turn      atomic.Uint64
	ready     chan struct{} // closed after the first look-up
	stale     chan struct{} // asks for one
	failure   atomic.Pointer[error]
	leaving   []*endpoint // removed, with calls under way; follow's own
}

func newGroup(o BalancerOptions, scheme, hostPort string) (*group, error) {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		if host, port = hostPort, "80"; scheme == "https" {
			port = "443"
		}
	}
	g := &group{options: o, scheme: scheme, host: host, port: port, ready: make(chan struct{}), stale: make(chan struct{}, 1)}
	if host == "" {
		return nil, errors.New("host is missing")
	}
	if _, err := netip.ParseAddr(host); err == nil {
		g.replace([]string{host})
		g.host = ""
		close(g.ready)
	}
	return g, nil
}

func (g *group) known() []*endpoint {
	if all := g.endpoints.Load(); all != nil {
		return *all
	}
	return nil
}

// wait waits for the first look-up, and says why there is no address.
func (g *group) wait(ctx context.Context) error {
	select {
	case <-g.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	if len(g.known()) > 0 {
		return nil
	}
	g.ask()
	err := errNoAddress
	if p := g.failure.Load(); p != nil {
		err = *p
	}
	// The same to callers as an address that does not answer: nothing was sent.
	return &net.OpError{Op: "dial", Net: "tcp", Err: err}
}

// follow looks the name up again and again until ctx ends.
func (g *group) follow(ctx context.Context) {
	quiet := min(between, g.options.Every/2)
	for first := true; ; first = false {
		g.lookup(ctx)
		if first {
			close(g.ready)
		}
		// Jitter: replicas that started together do not ask together.
		if !sleep(ctx, quiet, nil) || !sleep(ctx, g.options.Every-quiet-rand.N(g.options.Every/4+1), g.stale) {
			return
		}
	}
}

// sleep waits for a time, less when woken; false when ctx has ended.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// ask wakes follow.
func (g *group) ask() {
	select {
	case g.stale <- struct{}{}:
	default:
	}
}

// lookup replaces the addresses. When there is no answer, or an empty one, the
// last ones stay: a name server that is down stops nobody.
func (g *group) lookup(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	hosts, err := g.options.Resolver.LookupHost(ctx, g.host)
	if err != nil {
		err = fmt.Errorf("look up %s: %w", g.host, err)
		g.failure.Store(&err)
	}
	if len(hosts) > 0 {
		g.replace(hosts)
	}
	g.leaving = slices.DeleteFunc(g.leaving, (*endpoint).left)
}

func (g *group) replace(hosts []string) {
	slices.Sort(hosts)
	hosts = slices.Compact(hosts)
	before := g.known()
	after := make([]*endpoint, 0, len(hosts))
	for _, host := range hosts {
		address := net.JoinHostPort(host, g.port)
		i := slices.IndexFunc(before, func(e *endpoint) bool { return e.address == address })
		if i >= 0 {
			after = append(after, before[i])
			continue
		}
		after = append(after, newEndpoint(g.options, address))
	}
	g.endpoints.Store(&after)
	for _, e := range before {
		if !slices.Contains(after, e) {
			g.leaving = append(g.leaving, e)
		}
	}
}

// pick chooses the next address in turn that is not among tried: one that is
// not resting if there is one, and the least busy one if the turn's is far
// busier.
func (g *group) pick(tried []*endpoint) *endpoint {
	all := g.known()
	start, now := g.turn.Add(1), time.Now().UnixNano()
	var next, idlest, rested *endpoint
	for i := range all {
		e := all[(start+uint64(i))%uint64(len(all))]
		switch {
		case slices.Contains(tried, e):
		case e.restsUntil.Load() > now:
			if rested == nil || e.restsUntil.Load() < rested.restsUntil.Load() {
				rested = e
			}
		default:
			if next == nil {
				next = e
			}
			if idlest == nil || e.busy.Load() < idlest.busy.Load() {
				idlest = e
			}
		}
	}
	switch {
	case next == nil:
		return rested
	case next.busy.Load() > 2*idlest.busy.Load()+slack:
		return idlest
	default:
		return next
	}
}

// missed notes that an address did not accept a connection.
func (g *group) missed(e *endpoint) {
	e.rest()
	g.ask()
}

// endpoint is one address and the connections to it.
type endpoint struct {
	address    string
	transport  *http.Transport
	busy       atomic.Int64
	restsUntil atomic.Int64 // Unix nanoseconds
	farewells  int          // times it was found idle while leaving

	mu     sync.Mutex
	misses int
}

func newEndpoint(o BalancerOptions, address string) *endpoint {
	t := NewTransport()
	if o.TLS != nil {
		t.TLSClientConfig = o.TLS.Clone()
	}
	t.Protocols.SetHTTP2(true)
	dialer := &net.Dialer{Timeout: dialTimeout}
	// The URL keeps the name, for the Host header and certificates.
	t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, address)
	}
	return &endpoint{address: address, transport: t}
}

func (e *endpoint) send(req *http.Request) (*http.Response, error) {
	e.busy.Add(1)
	res, err := e.transport.RoundTrip(req)
	if err != nil {
		e.done()
		return nil, err
	}
	if e.restsUntil.Load() != 0 {
		e.answered()
	}
	res.Body = &countedBody{ReadCloser: res.Body, endpoint: e}
	return res, nil
}

func (e *endpoint) done() { e.busy.Add(-1) }

// left closes the connections of an address that is gone, once they carry
// nothing, and reports whether that is so.
func (e *endpoint) left() bool {
	idle := e.busy.Load() == 0
	e.transport.CloseIdleConnections()
	// A connection is idle a moment after its last call was read to its end.
	e.farewells++
	if !idle {
		e.farewells = 0
	}
	return e.farewells > 2
}

func (e *endpoint) rest() {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if now.UnixNano() < e.restsUntil.Load() {
		return // calls that failed together count once
	}
	rest := min(leastRest<<min(e.misses, 10), longestRest)
	e.misses++
	e.restsUntil.Store(now.Add(rest).UnixNano())
}

func (e *endpoint) answered() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.misses = 0
	e.restsUntil.Store(0)
}

// countedBody ends its call when it is closed or read to its end.
type countedBody struct {
	io.ReadCloser
	endpoint *endpoint
	once     sync.Once
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.once.Do(b.endpoint.done)
	}
	return n, err
}

func (b *countedBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(b.endpoint.done)
	return err
}
