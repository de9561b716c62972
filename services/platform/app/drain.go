package app

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// drain stops accepting after the delay in which load balancers notice that
// the process is unready, then waits for the calls under way. What has not
// ended by the timeout, a stream for example, is cut: its client reconnects.
func (p *process) drain(s *http.Server) error {
	c := p.config
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
