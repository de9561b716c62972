//go:build !linux

package embedded

import "syscall"

// Only Linux ties a child's life to its parent's. Elsewhere a server may
// survive; the twins look for it at their next start.
func setDeathSignal(*syscall.SysProcAttr, syscall.Signal) {}
