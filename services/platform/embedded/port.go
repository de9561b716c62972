package embedded

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
)

// Listen binds a loopback port that stays the same from one start to the next.
// A want above 0 is bound or refused. With 0, the port remembered in file is
// tried first; when there is none, or another process took it, the kernel
// chooses one, and that is remembered.
func Listen(file string, want int) (net.Listener, error) {
	if want > 0 {
		return listenLoopback(want)
	}
	if l, err := listenLoopback(rememberedPort(file)); err == nil {
		return l, rememberPort(file, l)
	}
	l, err := listenLoopback(0)
	if err != nil {
		return nil, err
	}
	return l, rememberPort(file, l)
}

// rememberPort writes the port of l into file. When that fails l is closed.
func rememberPort(file string, l net.Listener) error {
	if err := os.WriteFile(file, []byte(strconv.Itoa(PortOf(l))+"\n"), 0o600); err != nil {
		_ = l.Close()
		return fmt.Errorf("remember port: %w", err)
	}
	return nil
}

// PortOf returns the TCP port l is bound to, or 0.
func PortOf(l net.Listener) int {
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

// rememberedPort returns 0, any port, when file holds none.
func rememberedPort(file string) int {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	port, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || port < 1 || port > 65535 {
		return 0
	}
	return port
}

func listenLoopback(port int) (net.Listener, error) {
	// To bind loopback takes no time that a context could cut short.
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("bind loopback port %d: %w", port, err)
	}
	return l, nil
}

// FreeAddresses returns n loopback addresses that nobody listens on.
func FreeAddresses(ctx context.Context, n int) ([]string, error) {
	ports, err := FreePorts(ctx, n)
	if err != nil {
		return nil, err
	}
	addresses := make([]string, n)
	for i, port := range ports {
		addresses[i] = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	return addresses, nil
}

// FreePorts returns n loopback ports that nobody listens on. They are not from
// the range that outgoing connections get theirs from, 32768 and up as a rule:
// one of those could take a port before its server listens.
func FreePorts(ctx context.Context, n int) ([]int, error) {
	const lowest, highest, tries = 10_000, 32_000, 1000
	var ports []int
	for range tries {
		if len(ports) == n {
			return ports, nil
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", lowest+rand.N(highest-lowest)))
		if err != nil {
			continue
		}
		defer l.Close() // after the last one is found, so that all differ
		ports = append(ports, PortOf(l))
	}
	return nil, errors.New("no free ports below the range of outgoing connections")
}
