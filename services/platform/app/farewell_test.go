package app

import (
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"testing"
	"time"

	"douyin.dev/services/platform/rpc"
)

// reused makes a call and reports whether it went over a connection that was
// there before.
func reused(t *testing.T, client *http.Client, url string) bool {
	t.Helper()
	was := false
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { was = i.Reused }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return was
}

func TestADrainingProcessAsksItsClientsToLeave(t *testing.T) {
	t.Parallel()
	for name, transport := range map[string]*http.Transport{"HTTP/1.1": rpc.NewUnaryTransport(), "HTTP/2": rpc.NewStreamTransport()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &process{}
			server := rpc.NewServer(p.farewell(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go func() { _ = server.Serve(l) }()
			defer func() { _ = server.Close() }()
			client, url := &http.Client{Transport: transport}, "http://"+l.Addr().String()
			reused(t, client, url)
			if !reused(t, client, url) {
				t.Error("connections are not kept while the process serves")
			}
			p.leaving.Store(true)
			reused(t, client, url) // is answered, and asked to leave
			// A moment for the client to read it; over HTTP/2 it comes after the answer.
			for deadline := time.Now().Add(10 * time.Second); reused(t, client, url); time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the client stays")
				}
			}
		})
	}
}
