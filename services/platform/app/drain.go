package app

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// farewell asks clients to leave once the process drains: with each answer, so
// that no connection is closed under a call. HTTP/1.1 says "Connection: close",
// which the server turns into a GOAWAY for HTTP/2.
func (p *process) farewell(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.leaving.Load() {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

// drain stops accepting after the delay in which load balancers notice that
// the process is unready and busy clients leave, then waits for the calls under way. What has not
// ended by the timeout, a stream for example, is cut: its client reconnects.
func (p *process) drain(s *http.Server) error {
	c := p.config
	p.leaving.Store(true)
	time.Sleep(c.DrainDelay)
	p.mu.Lock()
	drains := p.drains
	p.mu.Unlock()
	for _, end := range drains {
		end()
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.DrainTimeout)
	defer cancel()
	err := s.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return s.Close()
	}
	return err
}
