package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"douyin.dev/services/platform/embedded"
)

// eachEngine runs a test against the child and against the server in process:
// what a client sees is to be the same.
func eachEngine(t *testing.T, fn func(t *testing.T, opts Options)) {
	t.Run("child", func(t *testing.T) {
		t.Parallel()
		if installed() == "" {
			t.Skip("no redis-server or valkey-server on PATH")
		}
		fn(t, Options{Dir: t.TempDir()})
	})
	t.Run("in process", func(t *testing.T) {
		t.Parallel()
		fn(t, Options{Dir: t.TempDir(), InProcess: true})
	})
}

func startWith(t *testing.T, opts Options) *Server {
	t.Helper()
	began := time.Now()
	srv, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready after %v", time.Since(began).Round(time.Millisecond))
	return srv
}

func stop(t *testing.T, srv *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := srv.Stop(ctx); err != nil {
		t.Error(err)
	}
	<-srv.Done()
}

func client(t *testing.T, srv *Server) rueidis.Client {
	t.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{srv.Addr()}, Password: srv.Password(), DisableCache: !srv.ClientCaching(), ForceSingleClient: true,
		DialCtxFn: func(ctx context.Context, address string, dialer *net.Dialer, _ *tls.Config) (net.Conn, error) {
			network, target := Network(address)
			return dialer.DialContext(ctx, network, target)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestKeysExpire(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, opts Options) {
		srv := startWith(t, opts)
		defer stop(t, srv)
		c := client(t, srv)
		set := c.B().Set().Key("k").Value("v").PxMilliseconds(300).Build()
		if err := c.Do(t.Context(), set).Error(); err != nil {
			t.Fatal(err)
		}
		if v, err := c.Do(t.Context(), c.B().Get().Key("k").Build()).ToString(); err != nil || v != "v" {
			t.Fatalf("%q %v", v, err)
		}
		deadline := time.Now().Add(10 * time.Second)
		for time.Now().Before(deadline) {
			if err := c.Do(t.Context(), c.B().Get().Key("k").Build()).Error(); rueidis.IsRedisNil(err) {
				return
			}
		}
		t.Error("the key outlived its time")
	})
}

func TestARestartBeginsEmpty(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, opts Options) {
		first := startWith(t, opts)
		c := client(t, first)
		if err := c.Do(t.Context(), c.B().Set().Key("k").Value("v").Build()).Error(); err != nil {
			t.Fatal(err)
		}
		c.Close()
		stop(t, first)
		second := startWith(t, opts)
		defer stop(t, second)
		c = client(t, second)
		if err := c.Do(t.Context(), c.B().Get().Key("k").Build()).Error(); !rueidis.IsRedisNil(err) {
			t.Errorf("err = %v, want nil reply", err)
		}
	})
}

func TestADirectoryInUseIsRefused(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, opts Options) {
		srv := startWith(t, opts)
		defer stop(t, srv)
		if _, err := Start(t.Context(), opts); !errors.Is(err, embedded.ErrInUse) {
			t.Errorf("second start: %v", err)
		}
	})
}

func TestTheChildTellsClientsWhatChanged(t *testing.T) {
	t.Parallel()
	if installed() == "" {
		t.Skip("no redis-server or valkey-server on PATH")
	}
	srv := startWith(t, Options{Dir: t.TempDir()})
	defer stop(t, srv)
	reader, writer := client(t, srv), client(t, srv)
	put := func(v string) {
		t.Helper()
		if err := writer.Do(t.Context(), writer.B().Set().Key("k").Value(v).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	read := func() rueidis.RedisResult {
		return reader.DoCache(t.Context(), reader.B().Get().Key("k").Cache(), time.Minute)
	}
	put("old")
	read()
	if !read().IsCacheHit() {
		t.Fatal("second read was no hit")
	}
	put("new")
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		if v, err := read().ToString(); err == nil && v == "new" {
			return
		}
	}
	t.Error("the reader kept the old value")
}

func TestTheEndOfTheChildIsNoticed(t *testing.T) {
	t.Parallel()
	if installed() == "" {
		t.Skip("no redis-server or valkey-server on PATH")
	}
	srv := startWith(t, Options{Dir: t.TempDir()})
	if err := syscall.Kill(srv.engine.(*child).Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-srv.Done()
	stop(t, srv)
}

func TestAChildThatWasKilledIsRestartedAtItsAddress(t *testing.T) {
	t.Parallel()
	if installed() == "" {
		t.Skip("no redis-server or valkey-server on PATH")
	}
	srv := startWith(t, Options{Dir: t.TempDir()})
	defer stop(t, srv)
	address, c := srv.Addr(), client(t, srv)
	for range 2 {
		if err := syscall.Kill(srv.engine.(*child).Pid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-srv.Done()
		if err := srv.Err(); err == nil || err.Error() != "signal: killed" {
			t.Errorf("ended with %v", err)
		}
		if err := srv.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if srv.Addr() != address {
			t.Errorf("address %s, was %s", srv.Addr(), address)
		}
		// The client comes back by itself, at the latest with its second call.
		err := c.Do(t.Context(), c.B().Ping().Build()).Error()
		if err != nil {
			err = c.Do(t.Context(), c.B().Ping().Build()).Error()
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// Another user of the machine may reach every loopback port, but no directory of
// ours; and a process that knows the port of the server in process has no password.
func TestStrangersDoNotGetIn(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, opts Options) {
		srv := startWith(t, opts)
		defer stop(t, srv)
		network, target := Network(srv.Addr())
		if network == "unix" {
			for _, path := range []string{target, filepath.Dir(target)} {
				if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o700 {
					t.Errorf("%s: %v, %v", path, fi.Mode(), err)
				}
			}
			c := client(t, srv)
			config, err := c.Do(t.Context(), c.B().ConfigGet().Parameter("port").Build()).AsStrMap()
			if err != nil || config["port"] != "0" {
				t.Errorf("port %q, %v", config["port"], err)
			}
			return
		}
		for _, password := range []string{"", "guess"} {
			c, err := rueidis.NewClient(rueidis.ClientOption{
				InitAddress: []string{target}, Password: password, DisableCache: true, ForceSingleClient: true,
			})
			if err == nil {
				err = c.Do(t.Context(), c.B().Get().Key("k").Build()).Error()
				c.Close()
			}
			if err == nil || rueidis.IsRedisNil(err) {
				t.Errorf("password %q is good: %v", password, err)
			}
		}
	})
}

func TestALongDirectoryGetsAShortSocket(t *testing.T) {
	t.Parallel()
	if installed() == "" {
		t.Skip("no redis-server or valkey-server on PATH")
	}
	srv := startWith(t, Options{Dir: filepath.Join(t.TempDir(), strings.Repeat("long", 30))})
	_, path := Network(srv.Addr())
	stop(t, srv)
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("socket directory left behind: %v", err)
	}
}

func TestAnOpenServerListensOnAPort(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, opts Options) {
		opts.Open = true
		srv := startWith(t, opts)
		defer stop(t, srv)
		if network, _ := Network(srv.Addr()); network != "tcp" || srv.Password() != "" {
			t.Errorf("%s with password %q", srv.Addr(), srv.Password())
		}
		c := client(t, srv)
		if err := c.Do(t.Context(), c.B().Ping().Build()).Error(); err != nil {
			t.Error(err)
		}
	})
}

func TestAServerThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	no, err := exec.LookPath("false")
	if err != nil {
		t.Skip(err)
	}
	lock, err := embedded.LockDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Release() }()
	if _, err := startChild(t.Context(), no, lock, Options{}); err == nil {
		t.Error("a server that ends at once was taken for one")
	}
	if _, err := startChild(t.Context(), os.DevNull, lock, Options{}); err == nil {
		t.Error("a device was run")
	}
}
