//go:build !linux

package video

import (
	"os/exec"
	"syscall"
)

// confine makes the program a group of its own: more is for Linux.
func confine(cmd *exec.Cmd, _ bool) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func refusesNamespaces(error) bool { return true }

func ration(int, uint64) error { return nil }

func holdThread() (release func()) { return func() {} }
