package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidisotel"
)

const (
	// redisDialTimeout bounds one attempt to reach a Redis.
	redisDialTimeout = 2 * time.Second
	// redisPause is the time between attempts to reach it for the first time.
	redisPause = time.Second
	// redisHeadStart is how long a start waits for Redis: with one that is up
	// the first calls find the caches.
	redisHeadStart = 500 * time.Millisecond
)

func redisOption(c *Config) (rueidis.ClientOption, error) {
	if len(c.RedisAddrs) == 0 {
		return rueidis.ClientOption{}, errors.New("configuration: redis-addrs is needed")
	}
	return rueidis.ClientOption{
		InitAddress: c.RedisAddrs, Username: c.RedisUsername, Password: c.RedisPassword,
		ClientName: "douyin", DisableCache: !c.RedisClientCaching,
		Dialer: net.Dialer{Timeout: redisDialTimeout}, DialCtxFn: dialRedis,
		ConnWriteTimeout: 2 * time.Second, ForceSingleClient: len(c.RedisAddrs) == 1,
	}, nil
}

// dialRedis connects to host:port, or to unix:path.
func dialRedis(ctx context.Context, address string, dialer *net.Dialer, _ *tls.Config) (net.Conn, error) {
	network, target := "tcp", address
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, target = "unix", path
	}
	return dialer.DialContext(ctx, network, target)
}

// Redis returns the process's Redis client. It needs no Redis that is up: what
// is called before one answers fails at once, and everything in Redis can be
// rebuilt. From the first answer on the client reconnects by itself.
func (rt *Runtime) Redis(ctx context.Context) (rueidis.Client, error) {
	p := rt.process
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.redis != nil {
		return p.redis, nil
	}
	option, err := redisOption(p.config)
	if err != nil {
		return nil, err
	}
	client, err := newLateRedis()
	if err != nil {
		return nil, err
	}
	p.redis = client
	p.closers = append(p.closers, closer{"redis", func(context.Context) error { client.Close(); return nil }})
	connected := make(chan struct{})
	p.loops.start("redis", func(ctx context.Context) error {
		defer close(connected)
		connectRedis(ctx, client, option, p.log)
		return nil
	})
	headStart := time.NewTimer(redisHeadStart)
	defer headStart.Stop()
	select {
	case <-connected:
	case <-headStart.C:
	case <-ctx.Done():
	}
	return client, nil
}

// connectRedis tries until Redis answers or ctx ends. It says once that it does
// not, and that it does.
func connectRedis(ctx context.Context, late *lateRedis, option rueidis.ClientOption, log *slog.Logger) {
	for failed := false; ctx.Err() == nil; {
		client, err := rueidisotel.NewClient(option)
		if err == nil {
			late.connected(client)
			if failed {
				log.InfoContext(ctx, "redis answers")
			}
			return
		}
		late.failed(fmt.Errorf("redis was not reached yet: %w", err))
		if !failed {
			log.WarnContext(ctx, "redis does not answer, going on without it until it does", "error", err)
		}
		failed = true
		_ = wait(ctx, redisPause) // the loop looks at ctx
	}
}
