//go:build !linux

package video

import (
	"errors"
	"os/exec"
	"syscall"
)

// confine makes the program a group of its own: more is for Linux.
func confine(cmd *exec.Cmd, _ bool) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func refusesNamespaces(error) bool { return true }

func ration(int, uint64) error { return nil }

func onOwnThread(f func()) { f() }

func restrictThread(layer, fder, string) error { return errors.ErrUnsupported }

type fder interface{ Fd() uintptr }

func dropCapabilities() error { return nil }

func hideProcess() error { return nil }
