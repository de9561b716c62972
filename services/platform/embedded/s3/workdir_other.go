//go:build !linux

package s3

import "github.com/versity/versitygw/backend/posix"

// keepWorkingDir calls open, which changes the working directory.
func keepWorkingDir(open func() (*posix.Posix, error)) (*posix.Posix, error) { return changeBack(open) }
