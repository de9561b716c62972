package s3

import (
	"errors"
	"os"

	"github.com/versity/versitygw/backend/posix"
)

// changeBack calls open, which changes the working directory, and changes it
// back. Relative paths used at the same moment may go astray.
func changeBack(open func() (*posix.Posix, error)) (*posix.Posix, error) {
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	p, err := open()
	return p, errors.Join(err, os.Chdir(here))
}
