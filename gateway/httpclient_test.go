package gateway

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"douyin.dev/gateway/gatewaytest"
)

// httpClient asks a handler on a server in memory.
type httpClient struct {
	t      *testing.T
	client *http.Client
}

func serve(t *testing.T, h http.Handler) *httpClient {
	t.Helper()
	return &httpClient{t: t, client: gatewaytest.Serve(t, h)}
}

func (c *httpClient) do(r *http.Request) gatewaytest.Reply {
	c.t.Helper()
	return gatewaytest.Do(c.t, c.client, r)
}

// refused checks an answer's status_code, and that its message names something.
func (c *httpClient) refused(r gatewaytest.Reply, code, names string) {
	c.t.Helper()
	var got struct {
		Code    json.Number `json:"status_code"`
		Message string      `json:"status_msg"`
	}
	if err := json.Unmarshal(r.Text, &got); err != nil {
		c.t.Fatalf("not JSON: %v\n%s", err, r.Text)
	}
	if r.StatusCode != http.StatusOK || got.Code != json.Number(code) || !strings.Contains(got.Message, names) {
		c.t.Errorf("HTTP %d %s, want status_code %s about %q", r.StatusCode, r.Text, code, names)
	}
}
