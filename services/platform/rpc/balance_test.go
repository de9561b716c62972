package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"douyin.dev/services/platform/rpc"
)

// patience bounds what must happen but not when.
const patience = 20 * time.Second

// names is a resolver whose answer changes when told.
type names struct {
	mu    sync.Mutex
	hosts []string
	err   error
	asked atomic.Int64
}

func (n *names) LookupHost(context.Context, string) ([]string, error) {
	n.asked.Add(1)
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.hosts), n.err
}

func (n *names) set(err error, hosts ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts, n.err = hosts, err
}

// pod is one address of a service.
type pod struct {
	host   string
	server *http.Server
	served atomic.Int64
	open   atomic.Int64 // connections
}

// fleet is pods that share a port, as those behind a headless Service do.
type fleet struct {
	names    *names
	balancer *rpc.Balancer
	port     int
	pods     []*pod
	handler  func(*pod, http.ResponseWriter, *http.Request)
	serves   *rpc.Credentials // nil: without TLS
}

func newFleet(t *testing.T, n int, handler func(*pod, http.ResponseWriter, *http.Request)) *fleet {
	t.Helper()
	return newTLSFleet(t, n, nil, nil, handler)
}

// newTLSFleet returns a fleet that serves with one side's credentials and is
// called with the other's.
func newTLSFleet(t *testing.T, n int, serves, calls *rpc.Credentials, handler func(*pod, http.ResponseWriter, *http.Request)) *fleet {
	t.Helper()
	f := &fleet{names: &names{}, handler: handler, serves: serves}
	for i := range n {
		p := &pod{host: "127.0.0." + strconv.Itoa(i+1)}
		f.pods = append(f.pods, p)
		f.start(t, p)
	}
	f.names.set(nil, f.hosts()...)
	f.balancer = rpc.NewBalancer(rpc.BalancerOptions{Resolver: f.names, Every: 20 * time.Millisecond, Credentials: calls})
	t.Cleanup(func() { _ = f.balancer.Close() })
	return f
}

func (f *fleet) hosts() []string {
	var all []string
	for _, p := range f.pods {
		all = append(all, p.host)
	}
	return all
}

// start serves a pod on the fleet's port, until the test ends or it is stopped.
func (f *fleet) start(t *testing.T, p *pod) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort(p.host, strconv.Itoa(f.port)))
	if err != nil {
		t.Fatal(err)
	}
	f.port = l.Addr().(*net.TCPAddr).Port
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.served.Add(1)
		f.handler(p, w, r)
	})
	p.server = rpc.NewServer(handler)
	if f.serves != nil {
		p.server = rpc.NewTLSServer(handler, f.serves)
		p.server.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are to fail
	}
	p.server.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			p.open.Add(1)
		case http.StateClosed, http.StateHijacked:
			p.open.Add(-1)
		default:
		}
	}
	ended, s := make(chan struct{}), p.server
	go func() {
		defer close(ended)
		if f.serves != nil {
			_ = s.ServeTLS(l, "", "")
		} else {
			_ = s.Serve(l)
		}
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-ended
	})
}

func (f *fleet) request(ctx context.Context, t *testing.T, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://video:"+strconv.Itoa(f.port)+"/", body)
	if err != nil {
		t.Fatal(err)
	}
	if f.serves != nil {
		req.URL.Scheme = "https"
	}
	return req
}

// The kinds of content of unary calls and of streams.
const (
	unaryKind  = "application/proto"
	streamKind = "application/connect+proto"
)

var kinds = []string{unaryKind, streamKind}

// protoOf is the major version of HTTP a request is to come over.
func protoOf(r *http.Request) int {
	if r.Header.Get("Content-Type") == streamKind {
		return 2
	}
	return 1
}

// call sends a unary call and returns the answer, the name of the pod that gave it.
func (f *fleet) call(t *testing.T, body io.Reader) string {
	t.Helper()
	return f.callAs(t, unaryKind, body)
}

func (f *fleet) callAs(t *testing.T, kind string, body io.Reader) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req := f.request(ctx, t, body)
	req.Header.Set("Content-Type", kind)
	res, err := f.balancer.RoundTrip(req)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

func name(p *pod, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, p.host) }

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for", what)
		}
	}
}

func TestCallsSpreadEvenly(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, name)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 75 {
				f.call(t, nil)
			}
		})
	}
	wg.Wait()
	for _, p := range f.pods {
		if n := p.served.Load(); n < 180 || n > 220 {
			t.Errorf("%s served %d of 600", p.host, n)
		}
	}
}

// Each unary call has a connection while it is under way, and leaves it to the
// next; streams share one.
func TestUnaryCallsReuseConnectionsAndStreamsShareOne(t *testing.T) {
	t.Parallel()
	const calls = 5
	arrived, answer := make(chan struct{}, calls), make(chan struct{})
	f := newFleet(t, 1, func(p *pod, w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != protoOf(r) {
			t.Errorf("%s came over HTTP/%d", r.Header.Get("Content-Type"), r.ProtoMajor)
		}
		arrived <- struct{}{}
		<-answer
		name(p, w, r)
	})
	opened := int64(0)
	for _, round := range []struct {
		kind  string
		opens int64
	}{{unaryKind, calls}, {unaryKind, 0}, {streamKind, 1}, {streamKind, 0}} {
		var wg sync.WaitGroup
		for range calls {
			wg.Go(func() { f.callAs(t, round.kind, nil) })
			<-arrived // one after the other, or streams would open connections side by side
		}
		for range calls {
			answer <- struct{}{}
		}
		wg.Wait()
		opened += round.opens
		if n := f.pods[0].open.Load(); n != opened {
			t.Errorf("%d connections after calls of %s, want %d", n, round.kind, opened)
		}
	}
}

// A body of known length goes out with its header: two writes wake the server twice.
func TestUnaryCallIsWrittenAtOnce(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	first := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		buf := make([]byte, 4096)
		n, _ := conn.Read(buf)
		first <- string(buf[:n])
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}()
	b := rpc.NewBalancer(rpc.BalancerOptions{})
	defer func() { _ = b.Close() }()
	// As connect sends it: of known length, and no reader net/http knows.
	body := &closes{Reader: io.MultiReader(strings.NewReader("a"), strings.NewReader("bc"))}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+l.Addr().String()+"/", body)
	req.ContentLength = 3
	req.Header.Set("Content-Type", unaryKind)
	res, err := b.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if got := <-first; !strings.HasSuffix(got, "\r\n\r\nabc") {
		t.Errorf("the server's first read brought %q", got)
	}
	if !body.closed.Load() {
		t.Error("the request's body stays open")
	}
}

// A transport that tries may have read the body before it finds that it cannot connect.
func TestEveryAddressIsSentTheWholeBody(t *testing.T) {
	t.Parallel()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://video/", strings.NewReader("abc"))
	if got, err := rpc.Attempts(req, 3); err != nil || !slices.Equal(got, []string{"abc", "abc", "abc"}) {
		t.Errorf("sent %q, %v", got, err)
	}
}

// When a peer is gone without a word, one call finds out and not one for each
// connection that was kept to it.
func TestACallWithoutAnAnswerClosesWhatLiesIdle(t *testing.T) {
	t.Parallel()
	const calls = 5
	var together sync.WaitGroup
	together.Add(calls)
	f := newFleet(t, 1, func(p *pod, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Vanish") != "" {
			panic(http.ErrAbortHandler)
		}
		together.Done()
		together.Wait()
		name(p, w, r)
	})
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() { f.call(t, nil) })
	}
	wg.Wait()
	if n := f.pods[0].open.Load(); n < calls {
		t.Fatalf("%d connections are kept, want %d", n, calls)
	}
	req := f.request(t.Context(), t, nil)
	req.Header.Set("Vanish", "1")
	res, err := f.balancer.RoundTrip(req)
	if err == nil {
		_ = res.Body.Close()
		t.Fatal("answered")
	}
	eventually(t, "the other connections to be closed", func() bool { return f.pods[0].open.Load() == 0 })
}

func TestAddedAddressIsUsed(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, name)
	f.names.set(nil, f.hosts()[:1]...)
	eventually(t, "one address", func() bool {
		one, next := f.call(t, nil), f.call(t, nil)
		return one == f.pods[0].host && next == f.pods[0].host
	})
	f.names.set(nil, f.hosts()...)
	eventually(t, "the added ones", func() bool {
		f.call(t, nil)
		return f.pods[1].served.Load() > 0 && f.pods[2].served.Load() > 0
	})
}

func TestRemovedAddressDrains(t *testing.T) {
	t.Parallel()
	finish := make(chan struct{})
	f := newFleet(t, 2, func(p *pod, w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, p.host)
		if r.Header.Get("Stay") != "" {
			_ = http.NewResponseController(w).Flush()
			<-finish
			_, _ = io.WriteString(w, " finished")
		}
	})
	var stays *http.Response
	for stays == nil { // until the second pod has one
		req := f.request(t.Context(), t, nil)
		req.Header.Set("Stay", "1")
		res, err := f.balancer.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		first := make([]byte, len(f.pods[1].host))
		if _, err := io.ReadFull(res.Body, first); err != nil {
			t.Fatal(err)
		}
		if string(first) == f.pods[1].host {
			stays = res
		}
		defer func() { _ = res.Body.Close() }()
	}
	f.names.set(nil, f.pods[0].host)
	eventually(t, "calls to leave the removed pod", func() bool {
		before := f.pods[1].served.Load()
		for range 10 {
			f.call(t, nil)
		}
		return f.pods[1].served.Load() == before
	})
	if f.pods[1].open.Load() == 0 {
		t.Error("the connection was closed under the call")
	}
	close(finish)
	if rest, err := io.ReadAll(stays.Body); err != nil || string(rest) != " finished" {
		t.Errorf("the call under way got %q, %v", rest, err)
	}
	_ = stays.Body.Close()
	eventually(t, "the connection to close", func() bool { return f.pods[1].open.Load() == 0 })
}

func TestDeadAddressIsAvoidedAndComesBack(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, func(p *pod, w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		_, _ = w.Write(append([]byte(p.host+" "), b...))
	})
	dead := f.pods[1]
	_ = dead.server.Close()
	for range 60 {
		// A body that cannot be read twice arrives all the same.
		got := f.call(t, io.MultiReader(strings.NewReader("a"), strings.NewReader("bc")))
		if host, body, _ := strings.Cut(got, " "); body != "abc" || host == dead.host {
			t.Fatalf("answered %q", got)
		}
	}
	if dead.served.Load() != 0 {
		t.Error("the dead pod served")
	}
	f.start(t, dead)
	eventually(t, "the pod that is back", func() bool {
		f.call(t, nil)
		return dead.served.Load() > 0
	})
}

func TestBusyAddressIsPassedOver(t *testing.T) {
	t.Parallel()
	stuck := make(chan struct{})
	f := newFleet(t, 2, func(p *pod, w http.ResponseWriter, r *http.Request) {
		if p.host == "127.0.0.1" {
			<-stuck
		}
		name(p, w, r)
	})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stuck)
	served := func() int64 { return f.pods[0].served.Load() + f.pods[1].served.Load() }
	for i := range int64(100) {
		wg.Go(func() { f.call(t, nil) })
		eventually(t, "the call", func() bool { return served() == i+1 })
	}
	if n := f.pods[0].served.Load(); n > 40 {
		t.Errorf("the stuck pod got %d of 100", n)
	}
}

func TestLastAddressesStayWhileNamesFail(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, name)
	f.call(t, nil)
	f.names.set(errors.New("no answer"))
	asked := f.names.asked.Load()
	eventually(t, "failed look-ups", func() bool { return f.names.asked.Load() > asked+2 })
	for range 10 {
		f.call(t, nil)
	}
}

func TestFirstCallsWaitForAnAddress(t *testing.T) {
	t.Parallel()
	for what, none := range map[string]error{"an empty answer": nil, "no such host": errors.New("no such host")} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, 1, name)
			f.names.set(none)
			var wg sync.WaitGroup
			defer wg.Wait()
			for range 8 {
				wg.Go(func() {
					if got := f.call(t, strings.NewReader("x")); got != f.pods[0].host {
						t.Errorf("answered %q", got)
					}
				})
			}
			eventually(t, "look-ups in vain", func() bool { return f.names.asked.Load() > 3 })
			f.names.set(nil, f.hosts()...)
		})
	}
}

func TestWaitForAnAddressEndsBeforeItsCall(t *testing.T) {
	t.Parallel()
	b := rpc.NewBalancer(rpc.BalancerOptions{Resolver: &names{}})
	defer func() { _ = b.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://nobody:1/", nil)
	res, err := b.RoundTrip(req)
	if err == nil {
		_ = res.Body.Close()
	}
	if !rpc.NotSent(err) || ctx.Err() != nil {
		t.Errorf("got %v, the call's end: %v", err, ctx.Err())
	}
}

func TestUnknownNameIsNotSent(t *testing.T) {
	t.Parallel()
	n := &names{err: errors.New("no such host")}
	b := rpc.NewBalancer(rpc.BalancerOptions{Resolver: n, Every: 20 * time.Millisecond, Patience: 20 * time.Millisecond})
	defer func() { _ = b.Close() }()
	body := &closes{Reader: bytes.NewReader([]byte("x"))}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://nobody:1/", body)
	res, err := b.RoundTrip(req)
	if err == nil {
		_ = res.Body.Close()
	}
	if !rpc.NotSent(err) || !strings.Contains(err.Error(), "no such host") {
		t.Errorf("got %v", err)
	}
	if !body.closed.Load() {
		t.Error("the request's body stays open")
	}
}

type closes struct {
	io.Reader
	closed atomic.Bool
}

func (c *closes) Close() error { c.closed.Store(true); return nil }

func TestFirstLookupEndsWithItsCall(t *testing.T) {
	t.Parallel()
	b := rpc.NewBalancer(rpc.BalancerOptions{Resolver: silent{}})
	defer func() { _ = b.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://slow:1/", nil)
	res, err := b.RoundTrip(req)
	if err == nil {
		_ = res.Body.Close()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// silent is a name server that does not answer.
type silent struct{}

func (silent) LookupHost(ctx context.Context, _ string) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestAddressInTheURLNeedsNoName(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, name)
	f.names.set(errors.New("must not be asked"))
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+strconv.Itoa(f.port)+"/", nil)
	res, err := f.balancer.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if f.names.asked.Load() != 0 {
		t.Error("a name was looked up")
	}
}
