// Package gatewaytest asks the gateway's handlers as clients do, over HTTP/1.1 on a
// server in memory.
package gatewaytest

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"douyin.dev/services/platform/memhttp"
)

// Serve serves a handler until the test ends, and returns its client, which follows
// no redirects.
func Serve(t *testing.T, h http.Handler) *http.Client {
	t.Helper()
	listener := memhttp.NewListener()
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	transport := listener.Transport()
	transport.Protocols = new(http.Protocols) // phones speak HTTP/1.1
	transport.Protocols.SetHTTP1(true)
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-done
	})
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Request returns a request for a path and query; it panics when they are no URL.
func Request(method, target string, body io.Reader) *http.Request {
	r, err := http.NewRequestWithContext(context.Background(), method, "http://gateway.test"+target, body)
	if err != nil {
		panic(err)
	}
	return r
}

// Reply is an answer that was read to its end.
type Reply struct {
	*http.Response
	// Text is the body.
	Text []byte
}

// Do sends a request and reads the answer.
func Do(t *testing.T, client *http.Client, r *http.Request) Reply {
	t.Helper()
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Reply{res, text}
}
