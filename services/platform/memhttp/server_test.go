package memhttp_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"douyin.dev/services/platform/memhttp"
)

func TestCloseEndsCallsAndWaitsForThem(t *testing.T) {
	t.Parallel()
	entered, left := make(chan struct{}), false
	s := memhttp.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		left = true
	}), discard)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		if res, err := s.RoundTrip(request(context.Background(), t, nil)); err == nil {
			_ = res.Body.Close()
		}
	}()
	await(t, "the handler", entered)
	if err := s.Close(); err != nil || !left {
		t.Errorf("closed with %v, and the handler had returned: %v", err, left)
	}
	await(t, "the caller", answered)
}

func TestClosedServerRefuses(t *testing.T) {
	t.Parallel()
	s := memhttp.NewServer(http.NotFoundHandler(), discard)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	body := &closeable{closed: make(chan struct{})}
	res, err := s.RoundTrip(request(t.Context(), t, body))
	if err == nil {
		_ = res.Body.Close()
		t.Error("a closed server answered")
	}
	await(t, "the request's body to be closed", body.closed)
}

// closeable is a request's body that tells when it is closed.
type closeable struct{ closed chan struct{} }

func (*closeable) Read([]byte) (int, error) { return 0, errors.New("not to be read") }
func (c *closeable) Close() error           { close(c.closed); return nil }
