package video

import (
	"errors"
	"fmt"
	"os"
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
	if !offline {
		return
	}
	// A network namespace without anything in it. Only the owner of a user
	// namespace may make one, so it gets that too, as who it is outside.
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET
	cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
	cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
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

// ration bounds what a started program may use. It writes to pipes only, so it
// may make no file at all. What little runs before this has read nothing of the
// video yet, and counts.
func ration(pid int, cpuSeconds uint64) error {
	for _, limit := range []struct {
		resource int
		most     uint64
	}{
		{unix.RLIMIT_AS, maxMemory},
		{unix.RLIMIT_CPU, cpuSeconds},
		{unix.RLIMIT_FSIZE, 0},
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

// holdThread keeps the thread that starts a program: the kernel ends the
// program with it. Call what it returns when the program has ended.
func holdThread() (release func()) {
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}
