package rig

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"douyin.dev/services/platform/embedded"
)

const (
	dirPrefix = "douyin-test-"
	// abandoned is the age from which a directory nobody holds is taken for
	// one that a killed run left behind. A run locks its directory at once.
	abandoned = 10 * time.Minute
)

// dir returns the directory of a twin below the rig's own, which is made when
// the first twin needs it. The caller holds the mutex.
func (r *Rig) dir(name string) (string, error) {
	if r.lock == nil {
		sweep(os.TempDir())
		dir, err := os.MkdirTemp("", dirPrefix)
		if err != nil {
			return "", fmt.Errorf("directory for test infrastructure: %w", err)
		}
		if r.lock, err = embedded.LockDir(dir); err != nil {
			return "", err
		}
		// Passable: started by root, Postgres may have to run as another user.
		if err := os.Chmod(dir, 0o711); err != nil {
			return "", fmt.Errorf("directory for test infrastructure: %w", err)
		}
	}
	return r.lock.Path(name), nil
}

// sweep removes what killed runs left behind, as far as it can: what it may
// not remove is another user's.
func sweep(parent string) {
	dirs, err := filepath.Glob(filepath.Join(parent, dirPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		fi, err := os.Lstat(dir)
		if err != nil || !fi.IsDir() || time.Since(fi.ModTime()) < abandoned {
			continue
		}
		lock, err := embedded.LockDir(dir)
		if err != nil {
			continue
		}
		_ = os.RemoveAll(dir)
		_ = lock.Release()
	}
}
