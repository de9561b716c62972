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
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"douyin.dev/services/platform/pause"
)

const (
	// dialTimeout bounds how long an address may take to accept a connection.
	dialTimeout = 2 * time.Second
	// suspicion is the least time between two suspicions of an address.
	suspicion = time.Second
	// silence is how long the other end of a connection may be silent, when
	// something waits to be acknowledged, before the connection is given up.
	silence = 8 * time.Second
	// leastRest and longestRest bound how long an address that did not accept
	// one is left alone. The rest doubles with each failure, and is the longest
	// for an address that drains.
	leastRest   = 250 * time.Millisecond
	longestRest = 5 * time.Second
	// between is the least time between two look-ups, betweenNone while no
	// address is known and calls wait for one.
	between     = 500 * time.Millisecond
	betweenNone = 250 * time.Millisecond
	// lookupTimeout bounds one.
	lookupTimeout = 5 * time.Second
	// slack is how many calls more than twice the least busy address one may
	// have under way before its turn goes to that address.
	slack = 16
)

// keepAlive notices a silent end also where nothing is under way.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 3 * time.Second, Count: 3}

var errNoAddress = errors.New("no address is known")

// group is one name and its addresses.
type group struct {
	options    BalancerOptions
	scheme     string
	host, port string // host is "" when the URL has an address

	endpoints atomic.Pointer[[]*endpoint]
	turn      atomic.Uint64
	found     chan struct{} // closed when an address is known
	stale     chan struct{} // asks for a look-up
	waiting   atomic.Int64  // calls without an address
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
	g := &group{options: o, scheme: scheme, host: host, port: port, found: make(chan struct{}), stale: make(chan struct{}, 1)}
	if host == "" {
		return nil, errors.New("host is missing")
	}
	if _, err := netip.ParseAddr(host); err == nil {
		g.replace([]string{host})
		g.host = ""
	}
	return g, nil
}

func (g *group) known() []*endpoint {
	if all := g.endpoints.Load(); all != nil {
		return *all
	}
	return nil
}

// wait waits for an address, and says why there is none. A Service has none
// until the first of its pods is ready, which in a new installation may be after
// the first call.
func (g *group) wait(ctx context.Context) error {
	if len(g.known()) > 0 {
		return nil
	}
	g.waiting.Add(1)
	defer g.waiting.Add(-1)
	g.ask()
	timer := time.NewTimer(g.patience(ctx))
	defer timer.Stop()
	select {
	case <-g.found:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	}
	err := errNoAddress
	if p := g.failure.Load(); p != nil {
		err = fmt.Errorf("%w: %w", errNoAddress, *p)
	}
	// The same to callers as an address that does not answer: nothing was sent.
	return &net.OpError{Op: "dial", Net: "tcp", Err: err}
}

// patience is how long a call waits for an address: it ends before the call
// does, so that its caller hears that nothing was sent.
func (g *group) patience(ctx context.Context) time.Duration {
	most := g.options.Patience
	if deadline, ok := ctx.Deadline(); ok {
		most = min(most, time.Until(deadline)*3/4)
	}
	return most
}

// follow looks the name up again and again until ctx ends.
func (g *group) follow(ctx context.Context) {
	quiet := min(between, g.options.Every/2)
	for {
		g.lookup(ctx)
		if len(g.known()) == 0 && g.waiting.Load() > 0 {
			if !pause.For(ctx, min(betweenNone, quiet)) {
				return
			}
			continue
		}
		// Jitter: replicas that started together do not ask together.
		if !pause.For(ctx, quiet) || !pause.ForOr(ctx, g.options.Every-quiet-rand.N(g.options.Every/4+1), g.stale) {
			return
		}
	}
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

// replace changes the addresses to hosts, of which there is at least one.
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
	if len(before) == 0 {
		close(g.found)
	}
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

// drains notes that an address is about to close: only a process that drains asks
// with its answers to close their connections. Whoever has somewhere else to go
// leaves at once.
func (g *group) drains(e *endpoint) {
	e.restsUntil.Store(time.Now().Add(longestRest).UnixNano())
	e.unary.CloseIdleConnections()
	g.ask()
}

// endpoint is one address and the connections to it.
type endpoint struct {
	address    string
	unary      *http.Transport
	streams    *http.Transport
	busy       atomic.Int64
	restsUntil atomic.Int64 // Unix nanoseconds
	suspected  atomic.Int64 // when it last was, in Unix nanoseconds
	farewells  int          // times it was found idle while leaving

	mu     sync.Mutex
	misses int
}

func newEndpoint(o BalancerOptions, address string) *endpoint {
	return &endpoint{
		address: address,
		unary:   to(address, NewUnaryTransport(), "http/1.1", o.Credentials),
		streams: to(address, NewStreamTransport(), "h2", o.Credentials),
	}
}

// to lets a transport connect to an address, whatever name its URLs have: that
// stays for the Host header and certificates.
func to(address string, t *http.Transport, protocol string, c *Credentials) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAliveConfig: keepAlive, Control: giveUpSilent}
	t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, address)
	}
	if c != nil {
		t.DialTLSContext = func(ctx context.Context, network, named string) (net.Conn, error) {
			name, _, err := net.SplitHostPort(named)
			if err != nil {
				return nil, fmt.Errorf("dial %q: %w", named, err)
			}
			return c.dial(ctx, dialer, network, address, name, protocol)
		}
	}
	return t
}

// way chooses the connections for a request: a stream's would be taken for as
// long as it lasts, so streams share one.
func (e *endpoint) way(req *http.Request) *http.Transport {
	kind := req.Header.Get("Content-Type")
	if strings.HasPrefix(kind, "application/connect+") || strings.HasPrefix(kind, "application/grpc") {
		return e.streams
	}
	return e.unary
}

func (e *endpoint) send(req *http.Request) (*http.Response, error) {
	e.busy.Add(1)
	res, err := e.way(req).RoundTrip(req)
	if err != nil {
		e.done()
		e.suspect(err)
		return nil, err
	}
	if e.restsUntil.Load() != 0 && !res.Close {
		e.answered()
	}
	res.Body = &countedBody{ReadCloser: res.Body, endpoint: e}
	return res, nil
}

// suspect leaves no connection to be found dead by a call of its own once a call
// got no answer: the next one connects, and learns what is the matter.
func (e *endpoint) suspect(err error) {
	if NotSent(err) || errors.Is(err, context.Canceled) {
		return
	}
	now, last := time.Now().UnixNano(), e.suspected.Load()
	if now-last > int64(suspicion) && e.suspected.CompareAndSwap(last, now) {
		e.unary.CloseIdleConnections()
	}
}

// closeIdle closes the connections that carry nothing.
func (e *endpoint) closeIdle() {
	e.unary.CloseIdleConnections()
	e.streams.CloseIdleConnections()
}

func (e *endpoint) done() { e.busy.Add(-1) }

// left closes the connections of an address that is gone, once they carry
// nothing, and reports whether that is so.
func (e *endpoint) left() bool {
	idle := e.busy.Load() == 0
	e.closeIdle()
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
