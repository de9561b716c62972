package harness_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"

	"douyin.dev/test/harness"
)

// The server takes the second call, and is killed before it answers.
func TestACallWhoseAnswerIsLostWasSent(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			_, _ = w.Write([]byte(`{"status_code":0}`))
			return
		}
		_ = server.Listener.Close()
		panic(http.ErrAbortHandler)
	}))
	defer server.Close()
	client := harness.NewClient(server.URL)
	call := harness.Call{Path: "/douyin/message/action/", Form: url.Values{"content": {"hello"}}, Header: http.Header{"Idempotency-Key": {"k"}}}
	if _, err := client.Do(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Do(t.Context(), call); err == nil || harness.NotSent(err) {
		t.Errorf("the call was sent, and is told as %v", err)
	}
}
