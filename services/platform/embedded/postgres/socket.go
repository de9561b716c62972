package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// socketPathLimit is below the 104 bytes macOS and the 108 Linux allow.
const socketPathLimit = 100

// makeSocketDir chooses where the socket lives: beside the data, or where that
// path is too long for a socket, in the temporary directory under a name made
// from it. What a killed server left there is removed: the lock on the data
// directory says that it is ours.
func (s *Server) makeSocketDir(id identity) error {
	s.socket = s.lock.Path("run")
	if len(socketFile(s.socket)) >= socketPathLimit {
		sum := sha256.Sum256([]byte(s.lock.Dir()))
		s.socket = filepath.Join(os.TempDir(), "douyin-pg-"+strconv.Itoa(os.Getuid())+"-"+hex.EncodeToString(sum[:6]))
	}
	err := os.Mkdir(s.socket, 0o700)
	if err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("create socket directory: %w", err)
	}
	if err := id.own(s.socket); err != nil {
		return err
	}
	if err := onlyOurs(s.socket, id); err != nil {
		return err
	}
	for _, f := range []string{socketFile(s.socket), socketFile(s.socket) + ".lock"} {
		if err := os.Remove(f); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove old socket: %w", err)
		}
	}
	return nil
}

// removeSocketDir leaves nothing in the temporary directory.
func (s *Server) removeSocketDir() error {
	if s.socket == "" || strings.HasPrefix(s.socket, s.lock.Dir()) {
		return nil
	}
	if err := os.RemoveAll(s.socket); err != nil {
		return fmt.Errorf("remove socket directory: %w", err)
	}
	return nil
}

// onlyOurs refuses a directory that others may enter or that another user made
// in advance: the roles have no password, so the directory is the guard.
func onlyOurs(dir string, id identity) error {
	fi, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("socket directory: %w", err)
	}
	if !fi.IsDir() || fi.Mode().Perm()&0o077 != 0 || ownerOf(fi) != id.uid {
		return fmt.Errorf("socket directory %s is not private to user %d: remove it", dir, id.uid)
	}
	return nil
}

func socketFile(dir string) string {
	return filepath.Join(dir, ".s.PGSQL."+strconv.Itoa(port))
}
