package postgres

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// makeSocketDir makes the directory of the socket. What a killed server left
// there is removed: the lock on the data directory says that it is ours.
func (s *Server) makeSocketDir(id identity) error {
	s.socket = s.lock.SocketDir("pg", socketName)
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
	if s.socket == "" || s.lock.Within(s.socket) {
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

// socketName is Postgres's own name for the socket of its port.
var socketName = ".s.PGSQL." + strconv.Itoa(port)

func socketFile(dir string) string { return filepath.Join(dir, socketName) }
