package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pires/go-proxyproto"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// proxyHeaderTimeout bounds how long a trusted proxy may take for the header of
// the PROXY protocol.
const proxyHeaderTimeout = 5 * time.Second

// ListenOptions say which connections Listen accepts.
type ListenOptions struct {
	// Proxies are the peers whose PROXY protocol header, versions 1 and 2, is
	// read where they send one. Their connections count for the client in it; those
	// without are not counted per client.
	Proxies Proxies
	// MaxConns bounds the connections of all clients, and MaxConnsPerClient those
	// of each. 0 is no limit.
	MaxConns, MaxConnsPerClient int
	// Meters gets douyin_client_connections_refused.
	Meters metric.MeterProvider
}

// Listen returns a listener that closes connections beyond a limit at once,
// before anything was read of them.
func Listen(inner net.Listener, o ListenOptions) (net.Listener, error) {
	refused, err := o.Meters.Meter("douyin.dev/client").Int64Counter("douyin_client_connections_refused",
		metric.WithDescription("Connections closed because their client, or all together, had too many."))
	if err != nil {
		return nil, fmt.Errorf("connection metrics: %w", err)
	}
	l := &listener{
		Listener: inner, maxConns: int64(o.MaxConns), perClient: NewBudget(o.MaxConnsPerClient), refused: refused,
		ofAll:    metric.WithAttributeSet(attribute.NewSet(attribute.String("limit", "all"))),
		ofClient: metric.WithAttributeSet(attribute.NewSet(attribute.String("limit", "client"))),
	}
	l.Listener = &proxyproto.Listener{Listener: inner, ReadHeaderTimeout: proxyHeaderTimeout, ConnPolicy: l.policy(o.Proxies)}
	return l, nil
}

type listener struct {
	net.Listener
	maxConns        int64
	open            atomic.Int64
	perClient       *Budget
	refused         metric.Int64Counter
	ofAll, ofClient metric.AddOption
}

// policy reads PROXY headers of trusted peers alone: what others send is not
// looked at, and is no HTTP.
func (l *listener) policy(trusted Proxies) proxyproto.ConnPolicyFunc {
	return func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
		if len(trusted) > 0 && trusted.Trust(connAddr(o.Upstream)) {
			return proxyproto.USE, nil
		}
		return proxyproto.SKIP, nil
	}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if open := l.open.Add(1); l.maxConns > 0 && open > l.maxConns {
			l.open.Add(-1)
			l.refuse(accepted, l.ofAll)
			continue
		}
		boundUnsent(accepted)
		c := &conn{Conn: accepted, listener: l}
		if proxied, ok := accepted.(*proxyproto.Conn); ok {
			c.proxied = proxied
			return c, nil // the client is known when the header was read
		}
		if c.key = KeyOf(connAddr(accepted.RemoteAddr())); !l.perClient.Enter(c.key) {
			l.open.Add(-1)
			l.refuse(accepted, l.ofClient)
			continue
		}
		c.counted = true
		return c, nil
	}
}

func (l *listener) refuse(c net.Conn, limit metric.AddOption) {
	l.refused.Add(context.Background(), 1, limit)
	_ = c.Close()
}

// conn is a connection that is counted until it is closed.
type conn struct {
	net.Conn
	listener *listener
	proxied  *proxyproto.Conn // nil for one without a PROXY header
	identify sync.Once

	mu      sync.Mutex
	key     Key
	counted bool // for key
	closed  bool
}

// RemoteAddr returns the client's address. Where a proxy may say it, the first
// call waits for the header: the server makes it in the connection's goroutine.
func (c *conn) RemoteAddr() net.Addr {
	c.identifyClient()
	return c.Conn.RemoteAddr()
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	c.identifyClient()
	return c.Conn.Read(p)
}

// identifyClient counts a proxied connection for the client in its header, and
// closes it when that client has too many.
func (c *conn) identifyClient() {
	if c.proxied == nil {
		return
	}
	c.identify.Do(func() {
		if c.proxied.ProxyHeader() == nil {
			return
		}
		if key := KeyOf(connAddr(c.proxied.RemoteAddr())); !c.count(key) {
			c.listener.refused.Add(context.Background(), 1, c.listener.ofClient)
			_ = c.Close()
		}
	})
}

func (c *conn) count(key Key) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return true
	}
	c.key, c.counted = key, c.listener.perClient.Enter(key)
	return c.counted
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.mu.Lock()
	first, counted := !c.closed, c.counted
	c.closed, c.counted = true, false
	c.mu.Unlock()
	if first {
		c.listener.open.Add(-1)
	}
	if counted {
		c.listener.perClient.Leave(c.key)
	}
	return c.Conn.Close()
}

// CloseWrite lets the server end its half first: a client that is still sending
// then reads its answer and no reset.
func (c *conn) CloseWrite() error {
	inner := c.Conn
	if c.proxied != nil {
		inner = c.proxied.Raw()
	}
	half, ok := inner.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}
