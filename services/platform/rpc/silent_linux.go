package rpc

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// giveUpSilent bounds how long what was sent may stay unacknowledged before the
// connection is given up: TCP itself tries for a quarter of an hour.
func giveUpSilent(_, _ string, c syscall.RawConn) error {
	var failure error
	err := c.Control(func(fd uintptr) {
		failure = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return failure
}
