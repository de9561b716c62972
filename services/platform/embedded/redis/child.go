package redis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"douyin.dev/services/platform/embedded"
)

// child is a redis-server or valkey-server.
type child struct {
	*embedded.Child
	address string
}

// installed returns the path of a server, or "".
func installed() string {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	return ""
}

// portAttempts is how often another process may take the chosen port between
// its choice and the child's bind.
const portAttempts = 3

func startChild(ctx context.Context, binary, dir string, opts Options) (engine, error) {
	var tried []error
	for range portAttempts {
		c, err := spawn(ctx, binary, dir, opts)
		if err == nil {
			return c, nil
		}
		tried = append(tried, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(tried...)
}

func spawn(ctx context.Context, binary, dir string, opts Options) (*child, error) {
	l, err := embedded.Listen(filepath.Join(dir, "port"), 0)
	if err != nil {
		return nil, err
	}
	port := embedded.PortOf(l)
	if err := l.Close(); err != nil {
		return nil, fmt.Errorf("free port %d: %w", port, err)
	}
	said := &tailBuffer{}
	// ctx bounds the start; the child lives until stop.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), binary, arguments(port, dir, opts)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, said, said
	// A cache has nothing to save, so it need not be asked.
	proc, err := embedded.StartChild(cmd, syscall.SIGKILL)
	if err != nil {
		return nil, err
	}
	c := &child{Child: proc, address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	if err := c.await(ctx); err != nil {
		stopped, cancel := context.WithCancel(context.Background())
		cancel()
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, said), c.stop(stopped))
	}
	return c, nil
}

func arguments(port int, dir string, opts Options) []string {
	limit := opts.MaxMemoryMiB
	if limit == 0 {
		limit = 256
	}
	return []string{
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir,
		"--daemonize", "no", "--save", "", "--appendonly", "no",
		"--maxmemory", strconv.Itoa(limit) + "mb", "--maxmemory-policy", "allkeys-lru",
	}
}

// await returns when our child answers. Its process id is compared: if the port
// was lost, another server answers there.
func (c *child) await(ctx context.Context) error {
	for {
		pid, err := askPid(ctx, c.address)
		if err == nil && pid == c.Pid() {
			return nil
		}
		select {
		case <-c.Done():
			return fmt.Errorf("server ended while starting: %w", c.Err())
		case <-ctx.Done():
			return fmt.Errorf("server does not answer: %w", errors.Join(context.Cause(ctx), err))
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// askPid returns the process id the server at address reports.
func askPid(ctx context.Context, address string) (int, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return 0, err
		}
	}
	if _, err := io.WriteString(conn, "INFO server\r\nQUIT\r\n"); err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if id, ok := strings.CutPrefix(lines.Text(), "process_id:"); ok {
			return strconv.Atoi(strings.TrimSpace(id))
		}
	}
	return 0, errors.New("no process id in the answer")
}

func (c *child) addr() string          { return c.address }
func (c *child) clientCaching() bool   { return true }
func (c *child) done() <-chan struct{} { return c.Done() }

func (c *child) stop(ctx context.Context) error {
	return c.Stop(ctx, syscall.SIGTERM, syscall.SIGKILL)
}
