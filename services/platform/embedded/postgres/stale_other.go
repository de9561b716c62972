//go:build !linux

package postgres

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
)

// serves reports whether pid is a Postgres of this directory: boot names it
// first on the command line.
func serves(ctx context.Context, pid int, data string) bool {
	out, err := exec.CommandContext(ctx, "ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), "-D "+data+" ")
}
