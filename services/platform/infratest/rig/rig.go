package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/bus/kafkatest"
	"douyin.dev/services/platform/embedded"
	"douyin.dev/services/platform/embedded/kafka"
	"douyin.dev/services/platform/embedded/postgres"
	"douyin.dev/services/platform/embedded/redis"
	"douyin.dev/services/platform/embedded/s3"
)

// connections is enough for the test processes of a whole run side by side.
const connections = 400

// Rig owns the twins it started. Safe for concurrent use.
type Rig struct {
	getenv func(string) string

	mu       sync.Mutex
	lock     *embedded.Lock // of the temporary directory, once there is one
	stops    []func(context.Context) error
	postgres once[string]
	cache    once[Cache]
	brokers  once[[]string]
	bucket   once[blob.Config]
}

// once keeps what the first call answered, its error too: a second attempt
// would only fail more slowly.
type once[T any] struct {
	done bool
	v    T
	err  error
}

func (o *once[T]) do(fn func() (T, error)) (T, error) {
	if !o.done {
		o.done = true
		o.v, o.err = fn()
	}
	return o.v, o.err
}

// New returns a rig that starts nothing yet. getenv is usually os.Getenv.
func New(getenv func(string) string) *Rig { return &Rig{getenv: getenv} }

// Postgres returns the connection string of a superuser.
func (r *Rig) Postgres(ctx context.Context) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.postgres.do(func() (string, error) {
		if dsn := r.getenv(PostgresVar); dsn != "" {
			return dsn, nil
		}
		dir, err := r.dir("postgres")
		if err != nil {
			return "", err
		}
		srv, err := postgres.Start(ctx, postgres.Options{Dir: dir, MaxConnections: connections, NoSync: true})
		if err != nil {
			return "", err
		}
		r.stops = append(r.stops, srv.Stop)
		return srv.AdminDSN(), nil
	})
}

// Cache returns the Redis.
func (r *Rig) Cache(ctx context.Context) (Cache, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cache.do(func() (Cache, error) {
		if cache, ok := cacheFrom(r.getenv); ok {
			return cache, nil
		}
		dir, err := r.dir("redis")
		if err != nil {
			return Cache{}, err
		}
		kind, err := kindFrom(r.getenv)
		if err != nil {
			return Cache{}, err
		}
		srv, err := redis.Start(ctx, redis.Options{Dir: dir, Open: true, InProcess: kind == Embedded || r.getenv(RedisVar) == InProcess})
		if err != nil {
			return Cache{}, err
		}
		r.stops = append(r.stops, srv.Stop)
		if kind == Real && !srv.ClientCaching() {
			return Cache{}, fmt.Errorf("%s=real needs redis-server or valkey-server on PATH", InfraVar)
		}
		return Cache{Addr: srv.Addr(), Tracking: srv.ClientCaching()}, nil
	})
}

// Brokers returns the addresses of the Kafka.
func (r *Rig) Brokers(ctx context.Context) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.brokers.do(func() ([]string, error) {
		if brokers, ok := brokersFrom(r.getenv); ok {
			return brokers, nil
		}
		dir, err := r.dir("kafka")
		if err != nil {
			return nil, err
		}
		kind, err := kindFrom(r.getenv)
		if err != nil {
			return nil, err
		}
		if kind == Real {
			return r.apacheKafka(ctx, dir)
		}
		srv, err := kafka.Start(ctx, kafka.Options{Dir: dir, NoSync: true, Open: true})
		if err != nil {
			return nil, err
		}
		r.stops = append(r.stops, srv.Stop)
		return srv.Brokers(), nil
	})
}

// apacheKafka starts the real one. Its end is a kill: it has nothing to keep.
// The caller holds the mutex.
func (r *Rig) apacheKafka(ctx context.Context, dir string) ([]string, error) {
	srv, err := kafkatest.New(ctx, dir, 0)
	if err != nil {
		return nil, err
	}
	if err := srv.Start(ctx); err != nil {
		return nil, err
	}
	r.stops = append(r.stops, func(context.Context) error { return srv.Kill() })
	return []string{srv.Addr()}, nil
}

// Bucket returns the bucket of the S3.
func (r *Rig) Bucket(ctx context.Context) (blob.Config, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bucket.do(func() (blob.Config, error) {
		if cfg, ok := bucketFrom(r.getenv); ok {
			return cfg, nil
		}
		dir, err := r.dir("s3")
		if err != nil {
			return blob.Config{}, err
		}
		srv, err := s3.Start(ctx, s3.Options{Dir: dir})
		if err != nil {
			return blob.Config{}, err
		}
		r.stops = append(r.stops, srv.Stop)
		return srv.Config(), nil
	})
}

// Environment starts whatever is not configured and returns the variables that
// lead another process to it, as NAME=value.
func (r *Rig) Environment(ctx context.Context) ([]string, error) {
	dsn, err := r.Postgres(ctx)
	if err != nil {
		return nil, err
	}
	cache, err := r.Cache(ctx)
	if err != nil {
		return nil, err
	}
	brokers, err := r.Brokers(ctx)
	if err != nil {
		return nil, err
	}
	bucket, err := r.Bucket(ctx)
	if err != nil {
		return nil, err
	}
	return environment(dsn, cache, brokers, bucket), nil
}

// Close stops the twins, the last started first, and removes the directory.
// Call it once.
func (r *Rig) Close(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var failed []error
	for i := len(r.stops) - 1; i >= 0; i-- {
		failed = append(failed, r.stops[i](ctx))
	}
	r.stops = nil
	if r.lock == nil {
		return errors.Join(failed...)
	}
	failed = append(failed, os.RemoveAll(r.lock.Dir()), r.lock.Release())
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("close test infrastructure: %w", err)
	}
	return nil
}
