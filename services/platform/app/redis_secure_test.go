package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"douyin.dev/services/platform/certtest"
	"douyin.dev/services/platform/embedded"
)

const (
	// redisUser is what docs/deploy/stores.md says an ACL user needs.
	redisUser     = "user douyin on >reads ~* &* +@read +@write +@pubsub +@connection +@scripting +@transaction +time +cluster +role"
	redisPassword = "reads"
)

// redisServer is a redis-server of a test's own. Its only port speaks TLS, and
// its default user is off.
type redisServer struct {
	address string
	child   *embedded.Child
}

// startRedisServer runs redis-server with a configuration beside that of TLS.
func startRedisServer(t *testing.T, files certtest.Files, lines ...string) *redisServer {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not on PATH")
	}
	dir, port := t.TempDir(), portWithBusPort(t)
	config := append([]string{
		"port 0", fmt.Sprintf("tls-port %d", port), "bind 127.0.0.1", "save \"\"", "dir " + dir,
		"tls-cert-file " + files.Certificate, "tls-key-file " + files.Key, "tls-ca-cert-file " + files.CA,
		"tls-replication yes", "tls-cluster yes",
		"user default off", "user admin on >rules ~* &* +@all",
	}, lines...)
	args := []string{filepath.Join(dir, "redis.conf")}
	if strings.HasPrefix(strings.Join(lines, ""), "sentinel ") {
		args = append(args, "--sentinel")
	} else {
		config = append(config, redisUser) // has commands that a Sentinel does not know
	}
	if err := os.WriteFile(args[0], []byte(strings.Join(config, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	child, err := embedded.StartChild(exec.Command(program, args...), syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	s := &redisServer{net.JoinHostPort("127.0.0.1", fmt.Sprint(port)), child}
	t.Cleanup(s.kill)
	return s
}

func (s *redisServer) kill() {
	_ = s.child.Stop(context.Background(), syscall.SIGKILL, syscall.SIGKILL) // its end is what is wanted
}

func (s *redisServer) port() string { _, port, _ := net.SplitHostPort(s.address); return port }

// portWithBusPort returns a free port that leaves room for the one of a
// cluster's bus, 10000 above it.
func portWithBusPort(t *testing.T) int {
	t.Helper()
	for range 1000 {
		port := 10_000 + rand.N(22_000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		_ = l.Close()
		return port
	}
	t.Fatal("no free port")
	return 0
}

// cli runs redis-cli as the administrator of a server.
func (s *redisServer) cli(t *testing.T, files certtest.Files, args ...string) (string, error) {
	t.Helper()
	all := append([]string{
		"-h", "127.0.0.1", "-p", s.port(), "--tls", "--cacert", files.CA, "--cert", files.Certificate, "--key", files.Key,
		"--user", "admin", "--pass", "rules", "--no-auth-warning",
	}, args...)
	out, err := exec.CommandContext(t.Context(), "redis-cli", all...).CombinedOutput()
	return string(out), err
}

func (s *redisServer) awaitAnswer(t *testing.T, files certtest.Files) {
	t.Helper()
	eventually(t, "redis-server answers", func() bool {
		out, err := s.cli(t, files, "ping")
		return err == nil && strings.Contains(out, "PONG")
	})
}

// secureConfig is a process's configuration for such servers.
func secureConfig(files certtest.Files) *Config {
	c := localConfig()
	c.RedisUsername, c.RedisPassword, c.RedisClientCaching = "douyin", redisPassword, true
	c.RedisTLS.TLS, c.RedisTLS.CA = true, files.CA
	c.RedisTLS.Cert, c.RedisTLS.Key = files.Certificate, files.Key
	return c
}

// countingAny answers how often it was asked for a key, as Redis knows it.
func countingAny(ctx context.Context, rt *Runtime) error {
	redis, err := rt.Redis(ctx)
	if err != nil {
		return err
	}
	rt.Handle("/count", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := redis.Do(r.Context(), redis.B().Incr().Key(r.FormValue("key")).Build()).AsInt64()
		if err == nil {
			err = redis.DoCache(r.Context(), redis.B().Get().Key(r.FormValue("key")).Cache(), time.Minute).Error()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, n)
	}))
	return nil
}

func TestRedisOverTLSAsAnACLUser(t *testing.T) {
	t.Parallel()
	files := certtest.New(t).Issue(t, t.TempDir(), "127.0.0.1")
	server := startRedisServer(t, files)
	server.awaitAnswer(t, files)
	config := secureConfig(files)
	config.RedisAddrs, config.RedisDB = []string{server.address}, 3
	s := start(t, config, component(countingAny))
	if code, body := get(t, s.public+"/count?key=a"); code != http.StatusOK || body != "1" {
		t.Errorf("%d %q", code, body)
	}
	if out, err := server.cli(t, files, "-n", "3", "get", "a"); err != nil || strings.TrimSpace(out) != "1" {
		t.Errorf("in database 3: %q %v", out, err)
	}
}

func TestARedisThatRefusesTheProcessEndsItsStart(t *testing.T) {
	t.Parallel()
	files := certtest.New(t).Issue(t, t.TempDir(), "127.0.0.1")
	other := certtest.New(t).Issue(t, t.TempDir(), "127.0.0.1")
	server := startRedisServer(t, files)
	server.awaitAnswer(t, files)
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"wrong password":      {func(c *Config) { c.RedisPassword = "guessed" }, "WRONGPASS"},
		"no password":         {func(c *Config) { c.RedisUsername, c.RedisPassword = "", "" }, "NOAUTH"},
		"wrong CA":            {func(c *Config) { c.RedisTLS.CA = other.CA }, "certificate signed by unknown authority"},
		"wrong server name":   {func(c *Config) { c.RedisTLS.ServerName = "cache.example" }, "cache.example"},
		"another certificate": {func(c *Config) { c.RedisTLS.Cert, c.RedisTLS.Key = other.Certificate, other.Key }, "remote error: tls"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := secureConfig(files)
			config.RedisAddrs = []string{server.address}
			c.change(config)
			s := launch(t, config, component(countingAny))
			err := s.end(t)
			if err == nil || !strings.Contains(err.Error(), "redis refuses this process") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if config.RedisPassword != "" && strings.Contains(fmt.Sprint(err, s.lines), config.RedisPassword) {
				t.Error("the password is in the log or the error")
			}
		})
	}
}

func TestAProcessFollowsTheSentinelsToANewPrimary(t *testing.T) {
	t.Parallel()
	files := certtest.New(t).Issue(t, t.TempDir(), "127.0.0.1")
	replication := []string{"masteruser admin", "masterauth rules"}
	primary := startRedisServer(t, files, replication...)
	replica := startRedisServer(t, files, append(replication, "replicaof 127.0.0.1 "+primary.port())...)
	primary.awaitAnswer(t, files)
	eventually(t, "the replica follows", func() bool {
		out, err := replica.cli(t, files, "info", "replication")
		return err == nil && strings.Contains(out, "master_link_status:up")
	})
	sentinel := startRedisServer(t, files,
		"sentinel monitor main 127.0.0.1 "+primary.port()+" 1", "sentinel auth-user main admin", "sentinel auth-pass main rules",
		"sentinel down-after-milliseconds main 1000", "sentinel failover-timeout main 10000")
	eventually(t, "the Sentinel knows the replica", func() bool {
		out, err := sentinel.cli(t, files, "sentinel", "replicas", "main")
		return err == nil && strings.Contains(out, replica.port())
	})
	config := secureConfig(files)
	config.RedisSentinelAddrs, config.RedisSentinelMaster = []string{sentinel.address}, "main"
	config.RedisSentinelUsername, config.RedisSentinelPassword = "admin", "rules"
	s := start(t, config, component(countingAny))
	if code, body := get(t, s.public+"/count?key=a"); code != http.StatusOK {
		t.Fatalf("at the first primary: %d %q", code, body)
	}
	primary.kill()
	eventually(t, "the replica is the primary and is used", func() bool {
		code, _ := get(t, s.public+"/count?key=b")
		return code == http.StatusOK
	})
	if out, err := replica.cli(t, files, "get", "b"); err != nil || strings.TrimSpace(out) == "" {
		t.Errorf("what was written is not there: %q %v", out, err)
	}
}

func TestAClusterIsFoundByOneOfItsAddressesOverTLS(t *testing.T) {
	t.Parallel()
	files := certtest.New(t).Issue(t, t.TempDir(), "127.0.0.1")
	create := []string{"--cluster", "create"}
	var nodes []*redisServer
	for range 3 {
		node := startRedisServer(t, files, "cluster-enabled yes")
		node.awaitAnswer(t, files)
		nodes, create = append(nodes, node), append(create, node.address)
	}
	if out, err := nodes[0].cli(t, files, append(create, "--cluster-yes")...); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	eventually(t, "every node knows the cluster", func() bool {
		for _, node := range nodes {
			if out, err := node.cli(t, files, "cluster", "info"); err != nil || !strings.Contains(out, "cluster_state:ok") {
				return false
			}
		}
		return true
	})
	config := secureConfig(files)
	config.RedisAddrs, config.RedisCluster = []string{nodes[0].address}, true
	s := start(t, config, component(countingAny))
	for i := range 30 {
		if code, body := get(t, fmt.Sprintf("%s/count?key=k%d", s.public, i)); code != http.StatusOK || body != "1" {
			t.Errorf("k%d: %d %q", i, code, body)
		}
	}
	for _, node := range nodes {
		if out, err := node.cli(t, files, "dbsize"); err != nil || strings.TrimSpace(out) == "0" {
			t.Errorf("%s has no key: %q %v", node.address, out, err)
		}
	}
}
