package video

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// freshScratch is how long a folder may be without its lock.
const freshScratch = time.Minute

// scratch makes folders for jobs. A folder is locked for as long as its process
// lives, so that the folders of killed processes are found and removed.
type scratch struct{ dir string }

// make returns a new folder and what removes it.
func (s scratch) make() (dir string, remove func() error, err error) {
	dir, err = os.MkdirTemp(s.dir, "job-*")
	if err != nil {
		return "", nil, fmt.Errorf("scratch folder: %w", err)
	}
	held, err := lockFolder(dir)
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("lock scratch folder: %w", err), os.RemoveAll(dir))
	}
	return dir, func() error { return errors.Join(os.RemoveAll(dir), held.Close()) }, nil
}

// sweep removes the folders that no process holds.
func (s scratch) sweep() error {
	left, err := filepath.Glob(filepath.Join(s.dir, "job-*"))
	if err != nil {
		return err
	}
	for _, dir := range left {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < freshScratch {
			continue
		}
		held, err := lockFolder(dir)
		if err != nil {
			continue // another process works in it
		}
		if err := errors.Join(os.RemoveAll(dir), held.Close()); err != nil {
			return fmt.Errorf("remove a scratch folder that was left: %w", err)
		}
	}
	return nil
}

func lockFolder(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
