package hostile

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"douyin.dev/test/harness"
)

// Attacker is a client that means harm, with the addresses of a network of its
// own. Safe for concurrent use.
type Attacker struct {
	// World is the platform and what everybody can see of it.
	*World
	// Network begins its addresses: "127.1.2" for 127.1.2.1 to 127.1.2.250.
	Network string

	mu      sync.Mutex
	clients []*harness.Client
}

// reopenPause is how soon an attacker takes again what was taken from it. Attackers
// share the machine with the platform: thousands that dial ever again would use up
// its cores themselves.
const reopenPause = time.Second

// address is the attacker's n-th, from 0 on.
func (a *Attacker) address(n int) string { return fmt.Sprintf("%s.%d", a.Network, 1+n%250) }

// client returns a client of the dialect at the n-th address. Its connections end
// with the attack.
func (a *Attacker) client(n int) *harness.Client {
	client := harness.NewClientFrom(a.URL, a.address(n), false)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clients = append(a.clients, client)
	return client
}

// Leave closes the connections that the attacker keeps for later calls.
func (a *Attacker) Leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, client := range a.clients {
		client.CloseIdle()
	}
	a.clients = nil
}

// register makes an account from the n-th address.
func (a *Attacker) register(ctx context.Context, n int) (*user, error) {
	return register(ctx, a.client(n))
}

// dial connects from the first address.
func (a *Attacker) dial(ctx context.Context) (net.Conn, error) { return a.dialFrom(ctx, 0) }

// dialFrom connects from the n-th address. The receive buffer is small, so that
// what the attacker does not read stays with the platform.
func (a *Attacker) dialFrom(ctx context.Context, n int) (net.Conn, error) {
	dialer := &net.Dialer{
		LocalAddr: &net.TCPAddr{IP: net.ParseIP(a.address(n))},
		Control: func(_, _ string, raw syscall.RawConn) error {
			const bytes = 4 << 10
			var err error
			controlErr := raw.Control(func(fd uintptr) {
				err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, bytes)
			})
			if controlErr != nil {
				return controlErr
			}
			return err
		},
	}
	return dialer.DialContext(ctx, "tcp", a.host())
}

// head is the head of an HTTP/1.1 request, with the empty line that ends it.
func (a *Attacker) head(method, target string, fields ...string) string {
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: " + a.host()}, fields...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// keep holds n things until ctx ends. hold takes the i-th and returns when it is
// over; it is then taken again.
func keep(ctx context.Context, n int, hold func(ctx context.Context, i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			for ctx.Err() == nil {
				hold(ctx, i)
				pause(ctx, reopenPause)
			}
		})
	}
	all.Wait()
}

// keepOpen holds n connections that send a text, and every second some more of
// it. It returns how many of them the platform ended.
func (a *Attacker) keepOpen(ctx context.Context, n int, text, more string) int64 {
	var ended atomic.Int64
	keep(ctx, n, func(ctx context.Context, _ int) {
		conn, err := a.dial(ctx)
		if err != nil {
			return
		}
		defer conn.Close()
		if send(conn, text) == nil {
			dribble(ctx, conn, more)
		}
		if ctx.Err() == nil {
			ended.Add(1)
		}
	})
	return ended.Load()
}

// send writes a text within a second.
func send(conn net.Conn, text string) error {
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, err := conn.Write([]byte(text))
	return err
}

// dribble sends a text every second until the platform ends the connection, or
// ctx ends. What the platform sends is read.
func dribble(ctx context.Context, conn net.Conn, text string) {
	over := make(chan struct{})
	go func() { // ends with the connection
		defer close(over)
		for buffer := make([]byte, 512); ; {
			if _, err := conn.Read(buffer); err != nil {
				return
			}
		}
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if text != "" && send(conn, text) != nil {
			return
		}
	}
}

// endless is more calls than an attack has time for.
const endless = 1 << 30

// flood makes up to n calls, at most rate a second and width at the same time.
// It returns when all are made, or ctx ends.
func flood(ctx context.Context, n, rate, width int, call func(ctx context.Context, i int)) {
	numbers := make(chan int)
	var all sync.WaitGroup
	for range width {
		all.Go(func() {
			for i := range numbers {
				call(ctx, i)
			}
		})
	}
	defer all.Wait()
	defer close(numbers)
	began := time.Now()
	for i := range n {
		pause(ctx, time.Until(began.Add(time.Duration(i)*time.Second/time.Duration(rate))))
		select {
		case numbers <- i:
		case <-ctx.Done():
			return
		}
	}
}

// pause waits for a time, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
