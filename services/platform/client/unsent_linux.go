package client

import (
	"net"

	"github.com/pires/go-proxyproto"
	"golang.org/x/sys/unix"
)

// maxUnsent is how much of an answer the system takes before the client is ready
// for it, in bytes. What is on its way to the client, as much as the connection
// bears, comes on top.
const maxUnsent = 128 << 10

// boundUnsent keeps the system from taking megabytes of an answer that its client
// does not read. Connections do not inherit the setting from their listener. One
// that cannot be set is closed already, or no TCP.
func boundUnsent(c net.Conn) {
	if proxied, ok := c.(*proxyproto.Conn); ok {
		c = proxied.Raw()
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent)
	})
}
