package sandbox

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// confine keeps a program that reads what strangers sent from doing more than
// that: it is a group of its own, ends with this process and, where the system
// lets it, has no network.
func confine(cmd *exec.Cmd, offline bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if offline {
		// A network namespace without anything in it. Only the owner of a user
		// namespace may make one, so it gets that too. Nobody is mapped into it:
		// it needs no name, and this process may not write the map when it is
		// hidden (HideProcess).
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC
	}
}

// refusesNamespaces reports whether a program was not started because this
// process may make no namespaces, as in most containers.
func refusesNamespaces(err error) bool {
	for _, refusal := range []error{syscall.EPERM, syscall.EACCES, syscall.EINVAL, syscall.ENOSPC, syscall.EUSERS, syscall.ENOSYS} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

const (
	// maxMemory of address space: 16 frames of 4096 by 4096 pixels, and the program.
	maxMemory = 2 << 30
	// maxFiles open at a time; shared libraries are opened one after the other.
	maxFiles = 64
)

// ration bounds what a started program may use. One without a folder writes to
// pipes only, so it may make no file at all. What little runs before this has
// read nothing of a stranger's yet, and counts.
func ration(pid int, p *Program) error {
	maxFile := uint64(0)
	if p.Dir != "" {
		maxFile = uint64(p.MaxFile)
	}
	// At least a second more than by the clock, so that the clock decides.
	cpuSeconds := uint64(max(p.Threads, 1))*uint64(p.Timeout.Seconds()) + 2
	for _, limit := range []struct {
		resource int
		most     uint64
	}{
		{unix.RLIMIT_AS, maxMemory},
		{unix.RLIMIT_CPU, cpuSeconds},
		{unix.RLIMIT_FSIZE, maxFile},
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_NOFILE, maxFiles},
	} {
		err := unix.Prlimit(pid, limit.resource, &unix.Rlimit{Cur: limit.most, Max: limit.most}, nil)
		if err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("limit the program: %w", err)
		}
	}
	return nil
}

// onOwnThread runs f on a thread that ends with it: what restricts the thread
// restricts what f starts and nothing else of this process. The kernel ends
// what f starts with the thread, so f waits for it.
func onOwnThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Never unlocked, so the runtime ends the thread with the goroutine.
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The main thread cannot end. It is held while another is found.
			onOwnThread(f)
			runtime.UnlockOSThread()
			return
		}
		f()
	}()
	<-done
}

// yield lowers the priority of this thread and of all that it starts.
func yield(nice int) error {
	if nice <= 0 {
		return nil
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, nice); err != nil { // of the thread, on Linux
		return fmt.Errorf("lower the priority: %w", err)
	}
	return nil
}

// restrictThread puts a layer on this thread and all that it starts.
func restrictThread(l Layer, p *Program) error {
	// Both layers ask for this: nothing started from here gains rights by its file.
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	if l == Landlock {
		return restrictFiles(p)
	}
	return restrictCalls()
}

// dropCapabilities takes all capabilities from this thread, and with that from
// what it starts: as root in a container there are some.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	if err := unix.Capset(&header, &none[0]); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	return nil
}

// HideProcess keeps other processes of the same user, and what this one starts,
// from reading its memory and environment. Core dumps and debuggers go with it.
func HideProcess() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("hide the process: %w", err)
	}
	return nil
}
