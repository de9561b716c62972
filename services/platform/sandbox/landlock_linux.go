package sandbox

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Landlock (landlock(7)) is put on one thread here; go-landlock puts it on the
// whole process.

const (
	mayRead  = unix.LANDLOCK_ACCESS_FS_READ_FILE
	mayWrite = mayRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE
	mayMake  = mayWrite | unix.LANDLOCK_ACCESS_FS_READ_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG |
		unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	mayRun = mayRead | unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_DIR
)

// systemFiles are what a program needs to start: its libraries and their index.
var systemFiles = map[string]uint64{
	"/usr": mayRun, "/lib": mayRun, "/lib64": mayRun, "/bin": mayRun,
	"/nix/store": mayRun, "/gnu/store": mayRun, "/home/linuxbrew": mayRun,
	"/etc/ld.so.cache": mayRead, "/dev/null": mayWrite, "/dev/urandom": mayRead,
}

// signalErratum is set where threads of one process may still signal each other
// (landlock errata, bit of erratum 2), which Go's scheduler does.
const signalErratum = 1 << 1

// landlockRules asks the kernel what it can refuse.
func landlockRules() (unix.LandlockRulesetAttr, error) {
	abi, err := landlockAnswer(unix.LANDLOCK_CREATE_RULESET_VERSION)
	if err != nil {
		return unix.LandlockRulesetAttr{}, err
	}
	rules := unix.LandlockRulesetAttr{Handled_access_fs: unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1} // all of version 1
	if abi >= 2 {
		rules.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		rules.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 4 {
		rules.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= 5 {
		rules.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 6 {
		rules.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
		errata, err := landlockAnswer(unix.LANDLOCK_CREATE_RULESET_ERRATA)
		if err == nil && errata&signalErratum != 0 {
			rules.Scoped |= unix.LANDLOCK_SCOPE_SIGNAL
		}
	}
	return rules, nil
}

// landlockAnswer asks the kernel for a number about itself.
func landlockAnswer(question uintptr) (uintptr, error) {
	answer, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, question)
	if errno != 0 {
		return 0, errno
	}
	return answer, nil
}

// restrictFiles leaves this thread the system's files, the program and what it
// was given: nothing else can be opened, and no other process be traced.
func restrictFiles(p *Program) error {
	rules, err := landlockRules()
	if err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&rules)), unsafe.Sizeof(rules), 0)
	if errno != 0 {
		return fmt.Errorf("landlock: %w", errno)
	}
	ruleset := int(fd)
	defer unix.Close(ruleset)
	for _, file := range p.Files {
		// It may have no name any more: a descriptor names it.
		if err := allow(ruleset, int(file.Fd()), mayRead); err != nil {
			return fmt.Errorf("landlock: allow what is read: %w", err)
		}
	}
	if p.Dir != "" {
		// A right that this kernel does not know cannot be given.
		if err := allowPath(ruleset, p.Dir, mayMake&rules.Handled_access_fs); err != nil {
			return err
		}
	}
	for path, access := range systemFiles {
		if err := allowPath(ruleset, path, access); err != nil {
			return err
		}
	}
	if err := allowPath(ruleset, p.Path, mayRun); err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return fmt.Errorf("landlock: %w", errno)
	}
	return nil
}

// allowPath allows a file, or all below a directory. One that is not there
// needs no rule.
func allowPath(ruleset int, path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("landlock: open %s: %w", path, err)
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return fmt.Errorf("landlock: %s: %w", path, err)
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &^= unix.LANDLOCK_ACCESS_FS_READ_DIR
	}
	if err := allow(ruleset, fd, access); err != nil {
		return fmt.Errorf("landlock: allow %s: %w", path, err)
	}
	return nil
}

func allow(ruleset, fd int, access uint64) error {
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
