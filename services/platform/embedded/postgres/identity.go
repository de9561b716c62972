package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// identity is who the server's processes are.
type identity struct {
	name string
	// attr starts a process as this identity; nil means as we are.
	attr *syscall.SysProcAttr
	// uid and gid are the owner its files need, as seen from here.
	uid, gid int
}

// identities returns who may run Postgres, best first.
func identities() []identity {
	if os.Geteuid() != 0 {
		return []identity{{name: "the current user", uid: os.Geteuid(), gid: os.Getegid()}}
	}
	ids := namespaced()
	for _, name := range []string{"postgres", "nobody"} {
		if id, ok := impersonated(name); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// impersonated gives the server to another user. Unlike the namespace this
// needs every parent of the directory to be open to that user.
func impersonated(name string) (identity, bool) {
	u, err := user.Lookup(name)
	if err != nil {
		return identity{}, false
	}
	uid, uerr := strconv.Atoi(u.Uid)
	gid, gerr := strconv.Atoi(u.Gid)
	if uerr != nil || gerr != nil {
		return identity{}, false
	}
	return identity{
		name: "user " + name, uid: uid, gid: gid,
		attr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}},
	}, true
}

// usable returns the first identity that can run the binaries in the directory.
func usable(ctx context.Context, ids []identity, inst installation, dir string) (identity, error) {
	var tried []error
	for _, id := range ids {
		if err := id.try(ctx, inst, dir); err != nil {
			tried = append(tried, fmt.Errorf("as %s: %w", id.name, err))
			continue
		}
		return id, nil
	}
	return identity{}, fmt.Errorf("cannot run Postgres in %s; start as an ordinary user, or choose a data directory others may enter: %w",
		dir, errors.Join(tried...))
}

// try runs a harmless command from inside the directory: a process is moved
// there after it changed who it is, so a closed parent shows.
func (id identity) try(ctx context.Context, inst installation, dir string) error {
	if err := id.own(dir); err != nil {
		return err
	}
	cmd := id.commandContext(ctx, inst.bin("postgres"), "--version")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w %s", err, out)
	}
	return nil
}

func (id identity) command(path string, args ...string) *exec.Cmd {
	return id.commandContext(context.Background(), path, args...)
}

func (id identity) commandContext(ctx context.Context, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	// Messages in English: they are read by await. PG* variables of the caller
	// are for the caller's own server.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_MESSAGES=C", "TZ=UTC", "TMPDIR=" + os.TempDir()}
	if id.attr != nil {
		attr := *id.attr
		cmd.SysProcAttr = &attr
	}
	return cmd
}

// own gives a tree to the identity where it belongs to another, as after a
// start in which the namespace was forbidden. The top goes last: while it still
// belongs to the other, an interrupted change is taken up again.
func (id identity) own(root string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	fi, err := os.Lstat(root)
	if err != nil {
		return fmt.Errorf("own %s: %w", root, err)
	}
	theirs := ownerOf(fi) == id.uid
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		if err := os.Lchown(path, id.uid, id.gid); err != nil {
			return err
		}
		if theirs && d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
	if err == nil {
		err = os.Lchown(root, id.uid, id.gid)
	}
	if err != nil {
		return fmt.Errorf("give %s to %s: %w", root, id.name, err)
	}
	return nil
}

// ownerOf returns the user id a file belongs to.
func ownerOf(fi fs.FileInfo) int {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}
