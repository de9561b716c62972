package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidisotel"
)

// redisTimeout bounds how long a start waits for Redis.
const redisTimeout = time.Minute

// openRedis connects, waiting for a Redis that is not up yet. Once connected,
// the client reconnects by itself.
func openRedis(ctx context.Context, c *Config, log *slog.Logger) (rueidis.Client, error) {
	if len(c.RedisAddrs) == 0 {
		return nil, errors.New("configuration: redis-addrs is needed")
	}
	option := rueidis.ClientOption{
		InitAddress: c.RedisAddrs, Username: c.RedisUsername, Password: c.RedisPassword,
		ClientName: "douyin", DisableCache: !c.RedisClientCaching,
		ConnWriteTimeout: 2 * time.Second, ForceSingleClient: len(c.RedisAddrs) == 1,
	}
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	for {
		client, err := rueidisotel.NewClient(option)
		if err == nil {
			return client, nil
		}
		log.WarnContext(ctx, "waiting for redis", "error", err)
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("redis: %w", err)
		case <-time.After(time.Second):
		}
	}
}
