package s3

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/versity/versitygw/backend/posix"
	"golang.org/x/sys/unix"
)

// keepWorkingDir calls open, which changes the working directory, on a thread
// that has a working directory of its own. The thread ends with the goroutine:
// it stays locked. A container may forbid that; such a process has no other
// use of its working directory.
func keepWorkingDir(open func() (*posix.Posix, error)) (*posix.Posix, error) {
	var p *posix.Posix
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_FS)
		if err != nil {
			done <- fmt.Errorf("give a thread its own working directory: %w", err)
			return
		}
		p, err = open()
		done <- err
	}()
	err := <-done
	if errors.Is(err, unix.EPERM) && p == nil {
		return changeBack(open)
	}
	return p, err
}
