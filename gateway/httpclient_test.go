package gateway

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"douyin.dev/services/platform/memhttp"
)

// httpClient asks a handler on a server in memory.
type httpClient struct {
	t      *testing.T
	client *http.Client
}

func serve(t *testing.T, h http.Handler) *httpClient {
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
	return &httpClient{t: t, client: &http.Client{Transport: transport}}
}

// reply is an answer that was read.
type reply struct {
	*http.Response
	body []byte
}

func (c *httpClient) do(r *http.Request) reply {
	c.t.Helper()
	res, err := c.client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return reply{res, body}
}

func (c *httpClient) get(target string) reply { return c.do(request(http.MethodGet, target, nil)) }

func request(method, target string, body io.Reader) *http.Request {
	r, err := http.NewRequestWithContext(context.Background(), method, "http://gateway.test"+target, body)
	if err != nil {
		panic(err)
	}
	return r
}

// refused checks an answer's status_code, and that its message names something.
func (c *httpClient) refused(r reply, code, names string) {
	c.t.Helper()
	var got struct {
		Code    json.Number `json:"status_code"`
		Message string      `json:"status_msg"`
	}
	if err := json.Unmarshal(r.body, &got); err != nil {
		c.t.Fatalf("not JSON: %v\n%s", err, r.body)
	}
	if r.StatusCode != http.StatusOK || got.Code != json.Number(code) || !strings.Contains(got.Message, names) {
		c.t.Errorf("HTTP %d %s, want status_code %s about %q", r.StatusCode, r.body, code, names)
	}
}
