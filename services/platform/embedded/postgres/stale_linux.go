package postgres

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
)

// serves reports whether pid is a Postgres of this directory: a server's
// working directory is its data. A zombie has none.
func serves(_ context.Context, pid int, data string) bool {
	cwd, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "cwd"))
	return err == nil && cwd == data
}
