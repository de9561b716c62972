package client_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
	"go.opentelemetry.io/otel/metric/noop"

	"douyin.dev/services/platform/client"
)

// within bounds what must happen but not when.
const within = 20 * time.Second

// serve answers every request with the address of its client, over the
// connections that a listener accepts, and returns its address.
func serve(t *testing.T, o client.ListenOptions) string {
	t.Helper()
	inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Meters = noop.NewMeterProvider()
	l, err := client.Listen(inner, o)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, client.PeerAddr(r.RemoteAddr).String())
		}),
		ReadHeaderTimeout: within, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo),
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return inner.Addr().String()
}

// dial connects from an address of the loopback network.
func dial(t *testing.T, from, to string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	return c
}

// ask makes a request and returns the body of its answer; "" when the server
// closed the connection.
func ask(t *testing.T, c net.Conn, before string) string {
	t.Helper()
	answer := make([]byte, 1024)
	_, err := io.WriteString(c, before+"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	n := 0
	if err == nil {
		n, err = c.Read(answer)
	}
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(answer[:n]), "\r\n\r\n")
	return body
}

func askUntil(t *testing.T, from, to, want string) {
	t.Helper()
	for end := time.Now().Add(within); ask(t, dial(t, from, to), "") != want; {
		if time.Now().After(end) {
			t.Fatal("a closed connection still counts")
		}
	}
}

func TestOneConnectionMoreThanAClientMayHaveIsClosed(t *testing.T) {
	t.Parallel()
	const limit = 3
	address := serve(t, client.ListenOptions{MaxConnsPerClient: limit})
	var open []net.Conn
	for i := range limit {
		c := dial(t, "127.0.0.1", address)
		if got := ask(t, c, ""); got != "127.0.0.1" {
			t.Fatalf("connection %d of %d was answered %q", i+1, limit, got)
		}
		open = append(open, c)
	}
	if got := ask(t, dial(t, "127.0.0.1", address), ""); got != "" {
		t.Errorf("one too many was answered %q", got)
	}
	if got := ask(t, dial(t, "127.0.0.2", address), ""); got != "127.0.0.2" {
		t.Errorf("another client was answered %q", got)
	}
	_ = open[0].Close()
	askUntil(t, "127.0.0.1", address, "127.0.0.1")
}

func TestOneConnectionMoreThanAllMayHaveIsClosed(t *testing.T) {
	t.Parallel()
	address := serve(t, client.ListenOptions{MaxConns: 2})
	first := dial(t, "127.0.0.1", address)
	for i, c := range []net.Conn{first, dial(t, "127.0.0.2", address)} {
		if got := ask(t, c, ""); got == "" {
			t.Fatalf("connection %d of 2 was closed", i+1)
		}
	}
	if got := ask(t, dial(t, "127.0.0.3", address), ""); got != "" {
		t.Errorf("one too many was answered %q", got)
	}
	_ = first.Close()
	askUntil(t, "127.0.0.3", address, "127.0.0.3")
}

// header is a PROXY header of a client.
func header(t *testing.T, version byte, from string) string {
	t.Helper()
	source := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from))
	h := proxyproto.HeaderProxyFromAddrs(version, source, &net.TCPAddr{IP: source.IP, Port: 80})
	text, err := h.Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestATrustedProxyNamesTheClientOfAConnection(t *testing.T) {
	t.Parallel()
	for version := range byte(2) {
		t.Run(fmt.Sprint("version ", version+1), func(t *testing.T) {
			t.Parallel()
			address := serve(t, client.ListenOptions{Proxies: trusted(t, "127.0.0.1/32"), MaxConnsPerClient: 1})
			for _, from := range []string{"203.0.113.9:1", "203.0.113.10:1", "[2001:db8::1]:1"} {
				want := netip.MustParseAddrPort(from).Addr().String()
				if got := ask(t, dial(t, "127.0.0.1", address), header(t, version+1, from)); got != want {
					t.Errorf("the client %s was answered %q", want, got)
				}
			}
			if got := ask(t, dial(t, "127.0.0.1", address), header(t, version+1, "[2001:db8::2]:1")); got != "" {
				t.Errorf("a second connection of a client was answered %q", got)
			}
		})
	}
}

func TestConnectionsOfATrustedProxyWithoutAHeaderAreNotCounted(t *testing.T) {
	t.Parallel()
	address := serve(t, client.ListenOptions{Proxies: trusted(t, "127.0.0.1/32"), MaxConnsPerClient: 1})
	for range 3 {
		if got := ask(t, dial(t, "127.0.0.1", address), ""); got != "127.0.0.1" {
			t.Errorf("answered %q", got)
		}
	}
}

func TestAPROXYHeaderOfAnyoneElseIsNotRead(t *testing.T) {
	t.Parallel()
	address := serve(t, client.ListenOptions{Proxies: trusted(t, "192.0.2.0/24")})
	if got := ask(t, dial(t, "127.0.0.1", address), header(t, 1, "203.0.113.9:1")); strings.Contains(got, "203.0.113.9") {
		t.Errorf("answered %q", got)
	}
}
