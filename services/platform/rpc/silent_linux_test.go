package rpc_test

import (
	"net"
	"net/http"
	"testing"

	"golang.org/x/sys/unix"

	"douyin.dev/services/platform/rpc"
)

// A peer that vanished without a word acknowledges nothing. Only a network that
// drops packets could show it; what can be seen here is what the kernel was told.
func TestASilentPeerIsGivenUpInSeconds(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	go func() { _ = server.Serve(l) }()
	defer func() { _ = server.Close() }()
	for _, kind := range kinds {
		conn, err := rpc.DialFor(t.Context(), kind, l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		raw, err := conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var told int
		if controlled := raw.Control(func(fd uintptr) {
			told, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
		}); controlled != nil || err != nil {
			t.Fatal(controlled, err)
		}
		if told != 8000 {
			t.Errorf("%s: given up after %d ms without an acknowledgement, want 8000", kind, told)
		}
	}
}
