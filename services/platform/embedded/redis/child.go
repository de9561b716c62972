package redis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
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

func startChild(ctx context.Context, binary string, lock *embedded.Lock, opts Options) (engine, error) {
	if !opts.Open {
		address, err := socketAddress(lock)
		if err != nil {
			return nil, err
		}
		return spawn(ctx, binary, address, lock.Dir(), opts)
	}
	var tried []error
	for range portAttempts {
		address, err := freeAddress(lock)
		if err != nil {
			return nil, err
		}
		c, err := spawn(ctx, binary, address, lock.Dir(), opts)
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

// socketName is what the socket is called in its directory.
const socketName = "redis.sock"

// socketAddress makes the directory of the socket, which only its owner may enter.
func socketAddress(lock *embedded.Lock) (string, error) {
	dir := lock.SocketDir("redis", socketName)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("create socket directory: %w", err)
	}
	fi, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("socket directory: %w", err)
	}
	owner, ok := fi.Sys().(*syscall.Stat_t)
	if !fi.IsDir() || fi.Mode().Perm()&0o077 != 0 || !ok || int(owner.Uid) != os.Geteuid() {
		return "", fmt.Errorf("socket directory %s is not private: remove it", dir)
	}
	return socketPrefix + filepath.Join(dir, socketName), nil
}

// freeAddress returns a loopback address that was free a moment ago.
func freeAddress(lock *embedded.Lock) (string, error) {
	l, err := embedded.Listen(lock.Path("port"), 0)
	if err != nil {
		return "", err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return "", fmt.Errorf("free %s: %w", address, err)
	}
	return address, nil
}

func spawn(ctx context.Context, binary, address, dir string, opts Options) (*child, error) {
	output := &tailBuffer{}
	// ctx bounds the start; the child lives until stop.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), binary, arguments(address, dir, opts)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, output, output
	// A cache has nothing to save, so it need not be asked.
	proc, err := embedded.StartChild(cmd, syscall.SIGKILL)
	if err != nil {
		return nil, err
	}
	c := &child{Child: proc, address: address}
	if err := c.await(ctx); err != nil {
		stopped, cancel := context.WithCancel(context.Background())
		cancel()
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, output), c.stop(stopped))
	}
	return c, nil
}

func arguments(address, dir string, opts Options) []string {
	limit := opts.MaxMemoryMiB
	if limit == 0 {
		limit = 256
	}
	where := []string{"--port", "0", "--unixsocketperm", "700", "--unixsocket"}
	network, target := Network(address)
	if network == "tcp" {
		_, port, _ := net.SplitHostPort(target) // made by net
		where = []string{"--bind", "127.0.0.1", "--port", port}
	} else {
		where = append(where, target)
	}
	return append(where, "--dir", dir,
		"--daemonize", "no", "--save", "", "--appendonly", "no",
		"--maxmemory", strconv.Itoa(limit)+"mb", "--maxmemory-policy", "allkeys-lru")
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
	network, target := Network(address)
	conn, err := d.DialContext(ctx, network, target)
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
