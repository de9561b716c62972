//go:build !linux

package localmesh

import "syscall"

func childAttributes() *syscall.SysProcAttr { return nil }
