package harness

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Mode says as what the platform runs.
type Mode string

const (
	// Standalone is every service in one process.
	Standalone Mode = "standalone"
	// Mesh is one process per service, started by one that watches over them.
	Mesh Mode = "mesh"
)

// DefaultArgs returns what a suite adds to the command line: limits that would
// stop a thousand logins from one address, which no real client makes.
func DefaultArgs() []string {
	return []string{"--gateway-login-burst=2000", "--gateway-login-rate=200"}
}

// LoadArgs returns what a load generator adds to DefaultArgs: no limit on
// actions, because its 64 clients do the work of thousands.
func LoadArgs() []string { return []string{"--gateway-action-burst=0"} }

// Options say what to start. The zero value is a fresh standalone.
type Options struct {
	// Mode is DOUYIN_MODE, else Standalone, when empty.
	Mode Mode
	// Dir keeps the data; it outlives restarts.
	Dir string
	// Args follow the harness's own flags.
	Args []string
	// ReadyWithin bounds each start; a minute when 0. A first start may create databases.
	ReadyWithin time.Duration
}

func (o Options) withDefaults() Options {
	o.Mode = cmp.Or(o.Mode, Mode(os.Getenv("DOUYIN_MODE")), Standalone)
	o.ReadyWithin = cmp.Or(o.ReadyWithin, time.Minute)
	return o
}

// binary finds what to start: DOUYIN_BIN, else bin/<mode> beside go.work.
func binary(m Mode) (string, error) {
	if m != Standalone && m != Mesh {
		return "", fmt.Errorf("mode %q is neither standalone nor mesh", m)
	}
	if path := os.Getenv("DOUYIN_BIN"); path != "" {
		return path, nil
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", string(m))
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("there is no %s: run `go build -o bin/ ./services/cmd/%s` in %s, or set DOUYIN_BIN or DOUYIN_URL", path, m, root)
	}
	return path, nil
}

// Root returns the repository's root: the first directory upwards with a go.work.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find root: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find root: no go.work upwards from the working directory")
		}
		dir = parent
	}
}
