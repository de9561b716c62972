package memhttp_test

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"testing"

	"douyin.dev/services/platform/memhttp"
	"douyin.dev/services/platform/rpc"
)

// forms are the ways from a client to a handler that must behave alike.
func forms() map[string]func(testing.TB, http.Handler) http.RoundTripper {
	return map[string]func(testing.TB, http.Handler) http.RoundTripper{
		"tcp": overTCP, "pipe": overPipe, "direct": directly,
	}
}

func directly(tb testing.TB, h http.Handler) http.RoundTripper {
	tb.Helper()
	s := memhttp.NewServer(h, discard)
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func overPipe(tb testing.TB, h http.Handler) http.RoundTripper {
	tb.Helper()
	listener := memhttp.NewListener()
	serve(tb, h, listener)
	t := listener.Transport()
	tb.Cleanup(t.CloseIdleConnections)
	return t
}

func overTCP(tb testing.TB, h http.Handler) http.RoundTripper {
	tb.Helper()
	address := listenTCP(tb, h)
	t := rpc.NewStreamTransport()
	t.DialContext = dialTo(address)
	tb.Cleanup(t.CloseIdleConnections)
	return t
}

func listenTCP(tb testing.TB, h http.Handler) string {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	serve(tb, h, listener)
	return listener.Addr().String()
}

func dialTo(address string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
}

// serve runs a server of the mesh until the test ends.
func serve(tb testing.TB, h http.Handler, l net.Listener) {
	tb.Helper()
	s := rpc.NewServer(h)
	s.ErrorLog = quiet()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Serve(l)
	}()
	tb.Cleanup(func() {
		_ = s.Close()
		<-ended
	})
}

// quiet swallows what net/http logs of handlers that panic on purpose.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
