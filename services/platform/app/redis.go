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

	"douyin.dev/services/platform/pause"
	"douyin.dev/services/platform/tlsfiles"
)

const (
	// redisDialTimeout bounds one attempt to reach a Redis.
	redisDialTimeout = 2 * time.Second
	// redisPause is the time between attempts to reach it for the first time.
	redisPause = time.Second
	// redisHeadStart is how long a start waits for Redis: with one that is up
	// the first calls find the caches.
	redisHeadStart = 500 * time.Millisecond
	// redisRefusalWait is how long a start waits for a Redis that may refuse the
	// process: with a wrong password or certificate it must not begin.
	redisRefusalWait = 5 * time.Second
	// sentinelInterval is how often the Sentinels are asked for the primary, for
	// the case that their message about a new one was lost.
	sentinelInterval = 5 * time.Second
	redisClientName  = "douyin"
)

// redisOption returns what the settings say about Redis, and an error that names
// the setting when they contradict each other.
func redisOption(c *Config, log *slog.Logger) (rueidis.ClientOption, error) {
	if err := c.checkRedis(); err != nil {
		return rueidis.ClientOption{}, fmt.Errorf("configuration: %w", err)
	}
	secure, err := c.RedisTLS.Dialer("redis-", log)
	if err != nil {
		return rueidis.ClientOption{}, fmt.Errorf("configuration: %w", err)
	}
	dialer := net.Dialer{Timeout: redisDialTimeout}
	option := rueidis.ClientOption{
		InitAddress: c.RedisAddrs, Username: c.RedisUsername, Password: c.RedisPassword, SelectDB: c.RedisDB,
		ClientName: redisClientName, DisableCache: !c.RedisClientCaching,
		Dialer:           dialer,
		ConnWriteTimeout: 2 * time.Second, ForceSingleClient: len(c.RedisAddrs) == 1 && !c.RedisCluster,
		DialCtxFn: dialRedis(secure),
	}
	if c.RedisSentinelMaster != "" {
		option.InitAddress = c.RedisSentinelAddrs
		option.Sentinel = rueidis.SentinelOption{
			MasterSet: c.RedisSentinelMaster, Username: c.RedisSentinelUsername, Password: c.RedisSentinelPassword,
			ClientName: redisClientName, Dialer: dialer, TopologyRefreshInterval: sentinelInterval,
		}
	}
	return option, nil
}

func (c *Config) checkRedis() error {
	sentinel := len(c.RedisSentinelAddrs) > 0
	switch {
	case !c.NamesRedis():
		return errors.New("redis-addrs is needed, or redis-sentinel-addrs")
	case sentinel && len(c.RedisAddrs) > 0:
		return errors.New("redis-addrs and redis-sentinel-addrs exclude each other")
	case sentinel && c.RedisSentinelMaster == "":
		return errors.New("redis-sentinel-master is needed: redis-sentinel-addrs goes with it")
	case !sentinel && c.RedisSentinelMaster+c.RedisSentinelUsername+c.RedisSentinelPassword != "":
		return errors.New("redis-sentinel-addrs is needed: redis-sentinel-master, redis-sentinel-username and redis-sentinel-password go with it")
	case sentinel && c.RedisSentinelUsername != "" && c.RedisSentinelPassword == "":
		return errors.New("redis-sentinel-password is needed: redis-sentinel-username goes with it")
	case c.RedisUsername != "" && c.RedisPassword == "":
		return errors.New("redis-password is needed: redis-username goes with it")
	case sentinel && c.RedisCluster:
		return errors.New("redis-cluster and redis-sentinel-addrs exclude each other")
	case c.RedisDB < 0:
		return fmt.Errorf("redis-db is %d, want a number from 0", c.RedisDB)
	case c.RedisDB > 0 && (c.RedisCluster || len(c.RedisAddrs) > 1):
		return fmt.Errorf("redis-db is %d, but a cluster has 0 alone", c.RedisDB)
	}
	return nil
}

// dialRedis connects to host:port as the dialer does, or to unix:path.
func dialRedis(secure *tlsfiles.Dialer) func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) {
	return func(ctx context.Context, address string, network *net.Dialer, _ *tls.Config) (net.Conn, error) {
		if path, ok := strings.CutPrefix(address, "unix:"); ok {
			return network.DialContext(ctx, "unix", path)
		}
		return secure.DialContext(ctx, network, address)
	}
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
	option, err := redisOption(p.config, p.log)
	if err != nil {
		return nil, err
	}
	client, err := newLateRedis()
	if err != nil {
		return nil, err
	}
	p.redis = client
	p.needs = append(p.needs, need{rt.Service, "redis", func(ctx context.Context) error {
		return client.Do(ctx, client.B().Ping().Build()).Error()
	}})
	p.closers = append(p.closers, closer{"redis", func(context.Context) error { client.Close(); return nil }})
	attempts := make(chan error)
	started := make(chan struct{})
	defer close(started)
	p.loops.start("redis", func(ctx context.Context) error {
		connectRedis(ctx, client, option, p.log, func(err error) {
			select {
			case attempts <- err:
			case <-started:
			}
		})
		return nil
	})
	startWait := redisHeadStart
	if p.config.RedisTLS.TLS || p.config.RedisPassword != "" || p.config.RedisSentinelPassword != "" {
		startWait = redisRefusalWait
	}
	headStart := time.NewTimer(startWait)
	defer headStart.Stop()
	for {
		select {
		case err := <-attempts:
			if redisRefuses(err) {
				return nil, fmt.Errorf("redis refuses this process: %w", err)
			}
			if !errors.Is(err, context.DeadlineExceeded) { // a slow one may refuse the next attempt
				return client, nil
			}
		case <-headStart.C:
			return client, nil
		case <-ctx.Done():
			return client, nil
		}
	}
}

// connectRedis tries until Redis answers or ctx ends. It logs once that Redis
// does not answer, once that it refuses the process, and that it answers. attempted
// gets the result of each attempt.
func connectRedis(ctx context.Context, late *lateRedis, option rueidis.ClientOption, log *slog.Logger, attempted func(error)) {
	var failed, refused bool
	for ctx.Err() == nil {
		client, err := rueidisotel.NewClient(option)
		if err == nil {
			late.connected(client)
			if failed {
				log.InfoContext(ctx, "redis answers")
			}
			attempted(nil)
			return
		}
		late.failed(fmt.Errorf("redis was not reached yet: %w", err))
		switch {
		case redisRefuses(err):
			if !refused {
				log.ErrorContext(ctx, "redis refuses this process, going on without it until it does not", "error", err)
			}
			refused = true
		case !failed:
			log.WarnContext(ctx, "redis does not answer, going on without it until it does", "error", err)
		}
		failed = true
		attempted(err)
		pause.For(ctx, redisPause) // the loop looks at ctx
	}
}

// redisRefuses reports errors of a Redis that is up and does not let the process
// in, or that the process does not trust.
func redisRefuses(err error) bool {
	if err == nil {
		return false
	}
	var answer *rueidis.RedisError
	if errors.As(err, &answer) {
		for _, code := range []string{"WRONGPASS", "NOAUTH", "NOPERM"} {
			if strings.HasPrefix(answer.Error(), code) {
				return true
			}
		}
		// What a Redis without users or without a password says.
		return strings.Contains(answer.Error(), "AUTH")
	}
	return tlsfiles.Refused(err)
}
