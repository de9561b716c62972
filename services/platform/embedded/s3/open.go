package s3

import (
	"errors"
	"fmt"
	"os"

	"github.com/pkg/xattr"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"

	"douyin.dev/services/platform/embedded"
)

// bufferSize of a transfer, in bytes. The library's own is 1 MiB, for each
// request anew: playback, which asks for a few kilobytes at a time, then does
// little else than clearing memory.
const bufferSize = 32 << 10

// openBackend opens the objects below the locked directory.
func openBackend(lock *embedded.Lock, sidecar bool) (*rooted, error) {
	root := lock.Path("objects")
	if err := makeDir(root); err != nil {
		return nil, err
	}
	store, err := openMeta(lock, root, sidecar)
	if err != nil {
		return nil, err
	}
	var opts posix.PosixOpts
	opts.SetNewDirPerm(0o700)
	opts.SetNewFilePerm(0o600)
	opts.IOBufferSize = bufferSize
	files, err := keepWorkingDir(func() (*posix.Posix, error) { return posix.New(root, store, opts) })
	if err != nil {
		return nil, fmt.Errorf("open objects: %w", err)
	}
	return &rooted{Backend: backend.New(), files: files, root: root}, nil
}

// openMeta chooses where metadata goes: with the files, or into a directory of
// its own, outside of the objects, where the file system keeps no attributes.
// A directory that was begun with the second stays with it.
func openMeta(lock *embedded.Lock, root string, sidecar bool) (meta.MetadataStorer, error) {
	beside := lock.Path("metadata")
	switch _, err := os.Stat(beside); {
	case err == nil:
		sidecar = true
	case !errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("look for metadata: %w", err)
	}
	if !sidecar && attributesWork(root) {
		return meta.XattrMeta{}, nil
	}
	if err := makeDir(beside); err != nil {
		return nil, err
	}
	store, err := meta.NewSideCar(beside)
	if err != nil {
		return nil, fmt.Errorf("open metadata: %w", err)
	}
	return store, nil
}

// attributesWork sets one: some file systems answer questions about attributes
// and refuse to store them.
func attributesWork(dir string) bool {
	const probe = "user.douyin-probe"
	if !xattr.XATTR_SUPPORTED || xattr.Set(dir, probe, []byte("1")) != nil {
		return false
	}
	return xattr.Remove(dir, probe) == nil
}
