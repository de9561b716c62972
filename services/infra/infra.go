// Package infra runs the infrastructure a process was not configured with:
// Postgres, Redis, Kafka and S3 as embedded twins, over their real protocols,
// under one data directory. What is configured is used instead of its twin.
package infra

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/embedded"
	"douyin.dev/services/platform/embedded/kafka"
	"douyin.dev/services/platform/embedded/postgres"
	"douyin.dev/services/platform/embedded/redis"
	"douyin.dev/services/platform/embedded/s3"
)

// Settings say what the twins are like.
type Settings struct {
	DataDir      string `help:"Directory of everything that is kept." default:"./data" type:"path"`
	RedisProcess string `help:"Embedded Redis: auto uses redis-server or valkey-server where there is one, inprocess never does." enum:"auto,inprocess" default:"auto"`
}

// Services are those with a schema of their own.
var Services = []string{"user", "video", "feed", "interaction", "relation", "message", "counter"}

// Infra is running infrastructure.
type Infra struct {
	lock     *embedded.Lock
	stoppers []func(context.Context) error
}

// ErrInUse says that another process runs on the data directory.
var ErrInUse = embedded.ErrInUse

// Start starts a twin of whatever config does not name and fills config with
// its address. report gets a line for each, for people.
func Start(ctx context.Context, s Settings, config *app.Config, log *slog.Logger, report func(format string, args ...any)) (*Infra, error) {
	lock, err := embedded.LockDir(s.DataDir)
	if err != nil {
		if errors.Is(err, embedded.ErrInUse) {
			return nil, fmt.Errorf("another process runs on %s; stop it, or choose another --data-dir: %w", s.DataDir, err)
		}
		return nil, err
	}
	in := &Infra{lock: lock}
	starts := []func(context.Context) (func(), func(context.Context) error, error){}
	dir := func(name string) string { return filepath.Join(s.DataDir, name) }
	if config.PostgresDSN == "" {
		starts = append(starts, func(ctx context.Context) (func(), func(context.Context) error, error) {
			srv, err := postgres.Start(ctx, postgres.Options{Dir: dir("postgres"), Log: log, Services: Services})
			if err != nil {
				return nil, nil, fmt.Errorf("postgres: %w", err)
			}
			return func() { config.PostgresDSN = srv.DSN(); report("postgres  %s", srv.DSN()) }, srv.Stop, nil
		})
	}
	if len(config.RedisAddrs) == 0 {
		starts = append(starts, func(ctx context.Context) (func(), func(context.Context) error, error) {
			srv, err := redis.Start(ctx, redis.Options{Dir: dir("redis"), Log: log, InProcess: s.RedisProcess == "inprocess"})
			if err != nil {
				return nil, nil, fmt.Errorf("redis: %w", err)
			}
			return func() {
				config.RedisAddrs, config.RedisClientCaching = []string{srv.Addr()}, srv.ClientCaching()
				report("redis     %s", srv.Addr())
			}, srv.Stop, nil
		})
	}
	if len(config.KafkaBrokers) == 0 {
		starts = append(starts, func(ctx context.Context) (func(), func(context.Context) error, error) {
			srv, err := kafka.Start(ctx, kafka.Options{Dir: dir("kafka"), Log: log})
			if err != nil {
				return nil, nil, fmt.Errorf("kafka: %w", err)
			}
			return func() {
				config.KafkaBrokers = srv.Brokers()
				report("kafka     %s (single process, for one machine)", srv.Brokers()[0])
			}, srv.Stop, nil
		})
	}
	if config.S3Endpoint == "" && config.S3AccessKey == "" {
		starts = append(starts, func(ctx context.Context) (func(), func(context.Context) error, error) {
			srv, err := s3.Start(ctx, s3.Options{Dir: dir("s3"), Log: log, Bucket: config.S3Bucket})
			if err != nil {
				return nil, nil, fmt.Errorf("s3: %w", err)
			}
			return func() {
				c := srv.Config()
				config.S3Endpoint, config.S3Region, config.S3Bucket = c.Endpoint, c.Region, c.Bucket
				config.S3AccessKey, config.S3SecretKey = c.AccessKey, c.SecretKey
				report("s3        %s/%s", c.Endpoint, c.Bucket)
			}, srv.Stop, nil
		})
	}
	if err := in.startAll(ctx, starts); err != nil {
		return nil, errors.Join(err, in.Stop(context.WithoutCancel(ctx)))
	}
	return in, nil
}

// startAll starts side by side; what started before another failed is stopped
// by Stop. The order of applying is that of starts, so reports come in order.
func (in *Infra) startAll(ctx context.Context, starts []func(context.Context) (func(), func(context.Context) error, error)) error {
	apply := make([]func(), len(starts))
	stop := make([]func(context.Context) error, len(starts))
	group, ctx := errgroup.WithContext(ctx)
	for i, start := range starts {
		group.Go(func() (err error) {
			apply[i], stop[i], err = start(ctx)
			return err
		})
	}
	err := group.Wait()
	for i := range starts {
		if stop[i] != nil {
			in.stoppers = append(in.stoppers, stop[i])
		}
		if err == nil {
			apply[i]()
		}
	}
	return err
}

// Stop stops the twins, newest first, and frees the directory.
func (in *Infra) Stop(ctx context.Context) error {
	var errs []error
	for i := len(in.stoppers) - 1; i >= 0; i-- {
		errs = append(errs, in.stoppers[i](ctx))
	}
	return errors.Join(append(errs, in.lock.Release())...)
}
