package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ErrInUse says that another process uses the directory.
var ErrInUse = errors.New("directory is in use by another process")

// Lock keeps a directory for this process. The kernel lets go of it when the
// process ends, however it ends, so there is no stale lock to clean up.
type Lock struct {
	file *os.File
	dir  string
}

// LockDir creates dir if needed, readable by its owner only, and locks it.
// It does not wait: a directory in use gives ErrInUse.
func LockDir(dir string) (*Lock, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("absolute path of %s: %w", dir, err)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	// Servers compare paths, so everyone is given the one without links.
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return nil, fmt.Errorf("resolve data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(abs, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", abs, ErrInUse)
		}
		return nil, fmt.Errorf("lock %s: %w", abs, err)
	}
	return &Lock{file: f, dir: abs}, nil
}

// Dir returns the locked directory as an absolute path without links.
func (l *Lock) Dir() string { return l.dir }

// Path returns a path inside the locked directory.
func (l *Lock) Path(elem ...string) string {
	return filepath.Join(append([]string{l.dir}, elem...)...)
}

// Release gives the directory back. The lock file stays: to remove it would let
// two processes lock two files of one name. It unlocks before it closes, since a
// child that is just being started has the file open, too, until it executes.
func (l *Lock) Release() error {
	unlocked := syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN)
	if err := errors.Join(unlocked, l.file.Close()); err != nil {
		return fmt.Errorf("release %s: %w", l.dir, err)
	}
	return nil
}
