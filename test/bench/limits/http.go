package limits

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"douyin.dev/test/bench/load"
)

// HTTP measures S or H, named by its path, and returns answers a second.
func HTTP(ctx context.Context, s *Server, path string, connections int, warmup, duration time.Duration) (float64, error) {
	result, err := load.Run(ctx, load.Options{
		Dial: load.DialTCP(s.Address), Connections: connections, Warmup: warmup, Duration: duration,
		Client: func(int) load.Client { return &page{request: load.Get(nil, s.Address, path, "")} },
	})
	if err != nil {
		return 0, fmt.Errorf("measure limit %s: %w", path, err)
	}
	if result.Failed() {
		return 0, fmt.Errorf("measure limit %s: %d answers, %d errors: %q", path, result.Requests, result.Errors, result.Examples)
	}
	return result.PerSecond, nil
}

// page asks for one page for ever.
type page struct{ request []byte }

func (p *page) Next() []byte { return p.request }
func (p *page) Done(error)   {}

func (p *page) Quick(a load.Answer) error {
	if a.Status != http.StatusOK || len(a.Body) < 2 || a.Body[0] != '{' {
		return fmt.Errorf("HTTP %d with %d bytes", a.Status, len(a.Body))
	}
	return nil
}

func (p *page) Judge() func(load.Answer) error { return p.Quick }
