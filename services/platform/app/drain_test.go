package app

import (
	"context"
	"fmt"
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
	const clients, rounds = 16, 4
	serve := func(address string) (p *process, server *http.Server, at string, served *atomic.Int64) {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		served = new(atomic.Int64)
		p = &process{config: &Config{DrainDelay: time.Second, DrainTimeout: 10 * time.Second}}
		server = rpc.NewServer(p.farewell(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			served.Add(1)
			_, _ = io.Copy(w, r.Body)
		})))
		go func() { _ = server.Serve(l) }()
		return p, server, l.Addr().String(), served
	}
	_, stays, address, _ := serve("127.0.0.1:0")
	defer func() { _ = stays.Close() }()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	// Each round has clients that know nothing of the one before: an address that
	// was just left is not chosen for a while.
	var balancer atomic.Pointer[rpc.Balancer]
	renew := func() {
		b := rpc.NewBalancer(rpc.BalancerOptions{Resolver: both{}})
		t.Cleanup(func() { _ = b.Close() })
		balancer.Store(b)
	}
	renew()

	var calling sync.WaitGroup
	var over atomic.Bool
	for range clients {
		calling.Go(func() {
			for !over.Load() {
				if err := write(t.Context(), balancer.Load(), "http://video:"+port+"/"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range rounds {
		p, server, _, served := serve("127.0.0.2:" + port)
		renew()
		for deadline := time.Now().Add(20 * time.Second); served.Load() < 10*clients; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the process that is to leave is never called")
			}
		}
		if err := p.drain(server); err != nil {
			t.Error(err)
		}
	}
	over.Store(true)
	calling.Wait()
}

// write makes a call that is not repeated.
func write(ctx context.Context, transport http.RoundTripper, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("write"))
	if err != nil {
		return err
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err == nil && string(body) != "write" {
		err = fmt.Errorf("answered %q", body)
	}
	return err
}
