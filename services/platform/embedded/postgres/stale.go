package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopStale ends a server that an earlier process left behind in data, and
// removes the pid file of one that is gone: after a restart of the machine, or
// in a container, its number may belong to someone else, and Postgres would
// refuse to start. The caller holds the lock, so nobody uses that server.
func stopStale(ctx context.Context, data string) error {
	file := filepath.Join(data, "postmaster.pid")
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read pid file: %w", err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	if pid, err := strconv.Atoi(strings.TrimSpace(first)); err == nil && pid > 1 {
		if err := end(ctx, pid, data); err != nil {
			return err
		}
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove pid file: %w", err)
	}
	return nil
}

// end stops the server: politely, then without a checkpoint, then at once.
func end(ctx context.Context, pid int, data string) error {
	for _, step := range []struct {
		signal   syscall.Signal
		patience time.Duration
	}{
		{syscall.SIGINT, 10 * time.Second},
		{syscall.SIGQUIT, 5 * time.Second},
		{syscall.SIGKILL, 5 * time.Second},
	} {
		if !serves(ctx, pid, data) {
			return nil
		}
		if err := syscall.Kill(pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop the server left behind (process %d): %w", pid, err)
		}
		for limit := time.Now().Add(step.patience); time.Now().Before(limit) && serves(ctx, pid, data); {
			if err := pause(ctx); err != nil {
				return fmt.Errorf("wait for the server left behind (process %d): %w", pid, err)
			}
		}
	}
	if serves(ctx, pid, data) {
		return fmt.Errorf("the server left behind (process %d) does not end", pid)
	}
	return nil
}
