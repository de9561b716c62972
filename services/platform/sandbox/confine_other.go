//go:build !linux

package sandbox

import (
	"errors"
	"os/exec"
	"syscall"
)

// confine makes the program a group of its own: more is for Linux.
func confine(cmd *exec.Cmd, _ bool) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func refusesNamespaces(error) bool { return true }

func ration(int, *Program) error { return nil }

func onOwnThread(f func()) { f() }

func yield(int) error { return nil }

func restrictThread(Layer, *Program) error { return errors.ErrUnsupported }

func dropCapabilities() error { return nil }

// HideProcess is for Linux.
func HideProcess() error { return nil }
