package app

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"douyin.dev/services/platform/rpc"
)

// both resolves every name to two addresses, as a headless Service with two pods.
type both struct{}

func (both) LookupHost(context.Context, string) ([]string, error) {
	return []string{"127.0.0.1", "127.0.0.2"}, nil
}

// Writes are never sent twice, so one that meets a connection which is just being
// closed is lost. None is while processes leave and come back, even though their
// address is never withdrawn.
func TestNoCallIsLostWhileProcessesDrain(t *testing.T) {
	t.Parallel()
	const clients, rounds = 16, 8
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	serve := func(address string) (*process, *http.Server, string) {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		p := &process{config: &Config{DrainDelay: 100 * time.Millisecond, DrainTimeout: 10 * time.Second}}
		server := rpc.NewServer(p.farewell(handler))
		go func() { _ = server.Serve(l) }()
		return p, server, l.Addr().String()
	}
	_, stays, address := serve("127.0.0.1:0")
	defer func() { _ = stays.Close() }()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	balancer := rpc.NewBalancer(rpc.BalancerOptions{Resolver: both{}})
	defer func() { _ = balancer.Close() }()

	var calling sync.WaitGroup
	var over atomic.Bool
	var answered atomic.Int64
	for range clients {
		calling.Go(func() {
			for !over.Load() {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://video:"+port+"/", strings.NewReader("write"))
				if err != nil {
					t.Error(err)
					return
				}
				res, err := balancer.RoundTrip(req)
				if err != nil {
					t.Error(err)
					continue
				}
				if body, err := io.ReadAll(res.Body); err != nil || string(body) != "write" {
					t.Errorf("answered %q, %v", body, err)
				}
				_ = res.Body.Close()
				answered.Add(1)
			}
		})
	}
	for range rounds {
		p, server, _ := serve("127.0.0.2:" + port)
		before := answered.Load()
		for answered.Load() < before+10*clients {
			time.Sleep(time.Millisecond)
		}
		if err := p.drain(server); err != nil {
			t.Error(err)
		}
	}
	over.Store(true)
	calling.Wait()
	if answered.Load() == 0 {
		t.Error("nothing was called")
	}
}
