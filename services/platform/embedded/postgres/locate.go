package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// oldest is the first major version the schemas are written for.
const oldest = 15

// installation is a Postgres on this machine.
type installation struct {
	dir   string // of the binaries
	major int
}

func (i installation) bin(name string) string { return filepath.Join(i.dir, name) }
func (i installation) dataName() string       { return "pg" + strconv.Itoa(i.major) }

// locate chooses the Postgres to run: one that can read a cluster already in
// dir, else the first on the list, else a downloaded one.
func locate(ctx context.Context, dir string, opts Options) (installation, error) {
	found := installed(ctx, binaryDirs(dir))
	if len(found) == 0 {
		if opts.NoDownload {
			return installation{}, errNotInstalled
		}
		return download(ctx, dir, opts.Log)
	}
	clusters, err := filepath.Glob(filepath.Join(dir, "pg[0-9]*", "PG_VERSION"))
	if err != nil || len(clusters) == 0 {
		return found[0], err
	}
	i := slices.IndexFunc(found, func(i installation) bool {
		return slices.Contains(clusters, filepath.Join(dir, i.dataName(), "PG_VERSION"))
	})
	if i < 0 {
		opts.Log.WarnContext(ctx, "data of another Postgres version is left as it is, a new cluster is made",
			"found", clusters, "using", found[0].major)
		return found[0], nil
	}
	return found[i], nil
}

var errNotInstalled = fmt.Errorf("no Postgres %d or later on this machine: install one "+
	"(apt-get install postgresql, dnf install postgresql-server, brew install postgresql), or configure a DSN", oldest)

// binaryDirs lists where Postgres may be: on PATH, where Debian, Red Hat and
// Homebrew put it, newest first, and where an earlier download went.
func binaryDirs(dir string) []string {
	var dirs []string
	if p, err := exec.LookPath("postgres"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			dirs = append(dirs, filepath.Dir(p))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
	} {
		// The patterns are constants, and a bad pattern is Glob's only error.
		matches, _ := filepath.Glob(pattern)
		slices.SortFunc(matches, func(a, b string) int { return numberIn(b) - numberIn(a) })
		dirs = append(dirs, matches...)
	}
	return append(dirs, downloadedBin(dir))
}

var number = regexp.MustCompile(`\d+`)

func numberIn(s string) int {
	n, err := strconv.Atoi(number.FindString(s))
	if err != nil {
		return 0
	}
	return n
}

// installed asks each directory's postgres for its version and keeps those
// that are new enough and complete.
func installed(ctx context.Context, dirs []string) []installation {
	var found []installation
	for i, dir := range dirs {
		if slices.Contains(dirs[:i], dir) {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "initdb")); errors.Is(err, os.ErrNotExist) {
			continue
		}
		out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
		if err != nil {
			continue
		}
		if major := numberIn(string(out)); major >= oldest {
			found = append(found, installation{dir: dir, major: major})
		}
	}
	return found
}
