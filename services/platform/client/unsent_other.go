//go:build !linux

package client

import "net"

// boundUnsent has no portable form: what the system takes is bounded by its send buffers.
func boundUnsent(net.Conn) {}
