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
func drain(s *http.Server, c *Config) error {
	time.Sleep(c.DrainDelay)
	ctx, cancel := context.WithTimeout(context.Background(), c.DrainTimeout)
	defer cancel()
	err := s.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return s.Close()
	}
	return err
}
