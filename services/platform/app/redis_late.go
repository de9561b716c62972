package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// lateRedis is a Redis client that exists before the first connection: until
// then every call fails with the reason. A rueidis client of a cluster cannot
// be made without one, and one of a single Redis is thrown away by its tracing.
type lateRedis struct {
	absent rueidis.Client
	reason atomic.Pointer[error]
	now    atomic.Pointer[reached]
}

// reached is the client in use.
type reached struct {
	rueidis.Client
	cluster bool
}

var _ rueidis.Client = (*lateRedis)(nil)

// withoutSlot marks a command that a client of a single Redis built. A cluster
// would look for a node of that number.
const withoutSlot = 1 << 15

func newLateRedis() (*lateRedis, error) {
	r := &lateRedis{}
	r.failed(errors.New("redis was not reached yet"))
	// A client whose every dial fails answers every call as one that lost its
	// server does. It is returned beside the error of its first dial.
	absent, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{"none"}, ForceSingleClient: true, DisableRetry: true, DisableCache: true,
		DialCtxFn: func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) {
			return nil, *r.reason.Load()
		},
	})
	if absent == nil {
		return nil, fmt.Errorf("redis client: %w", err)
	}
	r.absent = absent
	r.now.Store(&reached{Client: absent})
	return r, nil
}

// failed says why calls fail from now on.
func (r *lateRedis) failed(reason error) { r.reason.Store(&reason) }

// connected lets all later calls go to client.
func (r *lateRedis) connected(client rueidis.Client) {
	r.now.Store(&reached{Client: client, cluster: client.Mode() == rueidis.ClientModeCluster})
}

// to returns the client for a command. What was built before the connection to
// a cluster still fails.
func (r *lateRedis) to(slot uint16) rueidis.Client {
	now := r.now.Load()
	if now.cluster && slot&withoutSlot != 0 {
		return r.absent
	}
	return now.Client
}

func (r *lateRedis) toAll(multi []rueidis.Completed) rueidis.Client {
	for i := range multi {
		if c := r.to(multi[i].Slot()); c == r.absent {
			return c
		}
	}
	return r.now.Load().Client
}

func (r *lateRedis) B() rueidis.Builder { return r.now.Load().B() }

func (r *lateRedis) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	return r.to(cmd.Slot()).Do(ctx, cmd)
}

func (r *lateRedis) DoMulti(ctx context.Context, multi ...rueidis.Completed) []rueidis.RedisResult {
	return r.toAll(multi).DoMulti(ctx, multi...)
}

func (r *lateRedis) DoCache(ctx context.Context, cmd rueidis.Cacheable, ttl time.Duration) rueidis.RedisResult {
	return r.to(cmd.Slot()).DoCache(ctx, cmd, ttl)
}

func (r *lateRedis) DoMultiCache(ctx context.Context, multi ...rueidis.CacheableTTL) []rueidis.RedisResult {
	for i := range multi {
		if c := r.to(multi[i].Cmd.Slot()); c == r.absent {
			return c.DoMultiCache(ctx, multi...)
		}
	}
	return r.now.Load().DoMultiCache(ctx, multi...)
}

func (r *lateRedis) DoStream(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResultStream {
	return r.to(cmd.Slot()).DoStream(ctx, cmd)
}

func (r *lateRedis) DoMultiStream(ctx context.Context, multi ...rueidis.Completed) rueidis.MultiRedisResultStream {
	return r.toAll(multi).DoMultiStream(ctx, multi...)
}

func (r *lateRedis) Receive(ctx context.Context, subscribe rueidis.Completed, fn func(rueidis.PubSubMessage)) error {
	return r.to(subscribe.Slot()).Receive(ctx, subscribe, fn)
}

func (r *lateRedis) Dedicated(fn func(rueidis.DedicatedClient) error) error {
	return r.now.Load().Dedicated(fn)
}

func (r *lateRedis) Dedicate() (rueidis.DedicatedClient, func()) { return r.now.Load().Dedicate() }

func (r *lateRedis) Nodes() map[string]rueidis.Client { return r.now.Load().Nodes() }

func (r *lateRedis) Mode() rueidis.ClientMode { return r.now.Load().Mode() }

// Close is called once nothing connects any more.
func (r *lateRedis) Close() {
	if now := r.now.Load(); now.Client != r.absent {
		now.Close()
	}
	r.absent.Close()
}
