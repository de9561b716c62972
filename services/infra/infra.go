// Package infra runs the infrastructure a process was not configured with:
// Postgres, Redis, Kafka and S3 as embedded twins, over their real protocols,
// under one data directory. What is configured is used instead of its twin.
//
// A twin that ends while the process runs is started again: the child of a
// Postgres or a Redis that was killed, crashed, or had no room on the disk, and
// the S3 gateway, whose listener may fail. The Kafka broker is part of the
// process and ends with it.
package infra

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"douyin.dev/services/catalog"
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

// Infra is running infrastructure.
type Infra struct {
	lock     *embedded.Lock
	stoppers []func(context.Context) error
	stores   []Store
}

// Store is a twin that is started again when it ended.
type Store struct {
	Name string
	// Down says why it does not run at this moment; nil while it does.
	Down func() error
}

// Stores returns the twins that are watched over.
func (in *Infra) Stores() []Store { return in.stores }

// ErrInUse says that another process runs on the data directory.
var ErrInUse = embedded.ErrInUse

// twin is one kind of infrastructure.
type twin struct {
	name string
	// start returns a running server.
	start func(ctx context.Context) (server, error)
}

// server is a twin that runs.
type server struct {
	// apply fills the configuration and reports where the server is.
	apply func()
	stop  func(context.Context) error
	// kept is the server when it can be started again; nil for one that is part
	// of the process.
	kept embedded.Server
}

// Start starts a twin of whatever config does not name and fills config with
// its address. report gets a line for each, for people.
func Start(ctx context.Context, s Settings, config *app.Config, log *slog.Logger, report func(format string, args ...any)) (*Infra, error) {
	if config.RedisTLS.TLS && !config.NamesRedis() {
		return nil, errors.New("configuration: redis-addrs is needed: redis-tls goes with it")
	}
	if config.KafkaAccess.TLS && len(config.KafkaBrokers) == 0 {
		return nil, errors.New("configuration: kafka-brokers is needed: kafka-tls goes with it")
	}
	if config.KafkaAccess.SASLMechanism != "" && len(config.KafkaBrokers) == 0 {
		return nil, errors.New("configuration: kafka-brokers is needed: kafka-sasl-mechanism goes with it")
	}
	lock, err := embedded.LockDir(s.DataDir)
	if err != nil {
		if errors.Is(err, embedded.ErrInUse) {
			return nil, fmt.Errorf("another process runs on %s; stop it, or choose another --data-dir: %w", s.DataDir, err)
		}
		return nil, err
	}
	in := &Infra{lock: lock}
	if err := in.startAll(ctx, log, s.twins(config, log, report)); err != nil {
		return nil, errors.Join(err, in.Stop(context.WithoutCancel(ctx)))
	}
	return in, nil
}

// twins are those of what config does not name.
func (s Settings) twins(config *app.Config, log *slog.Logger, report func(format string, args ...any)) []twin {
	var all []twin
	dir := func(name string) string { return filepath.Join(s.DataDir, name) }
	if config.PostgresDSN == "" {
		all = append(all, twin{"postgres", func(ctx context.Context) (server, error) {
			srv, err := postgres.Start(ctx, postgres.Options{Dir: dir("postgres"), Log: log, Services: catalog.Schemas()})
			if err != nil {
				return server{}, err
			}
			return server{stop: srv.Stop, kept: srv, apply: func() {
				config.PostgresDSN = srv.DSN()
				report("postgres  %s", srv.DSN())
			}}, nil
		}})
	}
	if !config.NamesRedis() {
		all = append(all, twin{"redis", func(ctx context.Context) (server, error) {
			srv, err := redis.Start(ctx, redis.Options{Dir: dir("redis"), Log: log, InProcess: s.RedisProcess == "inprocess"})
			if err != nil {
				return server{}, err
			}
			return server{stop: srv.Stop, kept: srv, apply: func() {
				config.RedisAddrs, config.RedisPassword = []string{srv.Addr()}, srv.Password()
				config.RedisClientCaching = srv.ClientCaching()
				report("redis     %s", srv.Addr())
			}}, nil
		}})
	}
	if len(config.KafkaBrokers) == 0 {
		all = append(all, twin{"kafka", func(ctx context.Context) (server, error) {
			srv, err := kafka.Start(ctx, kafka.Options{Dir: dir("kafka"), Log: log})
			if err != nil {
				return server{}, err
			}
			return server{stop: srv.Stop, apply: func() {
				config.KafkaBrokers = srv.Brokers()
				config.KafkaAccess.SASLMechanism, config.KafkaAccess.SASLUser, config.KafkaAccess.SASLPassword = kafka.Mechanism, kafka.User, srv.Password()
				report("kafka     %s (single process, for one machine)", srv.Brokers()[0])
			}}, nil
		}})
	}
	if config.S3Endpoint == "" && config.S3AccessKey == "" {
		all = append(all, twin{"s3", func(ctx context.Context) (server, error) {
			srv, err := s3.Start(ctx, s3.Options{Dir: dir("s3"), Log: log, Bucket: config.S3Bucket})
			if err != nil {
				return server{}, err
			}
			return server{stop: srv.Stop, kept: srv, apply: func() {
				c := srv.Config()
				config.S3Endpoint, config.S3Region, config.S3Bucket = c.Endpoint, c.Region, c.Bucket
				config.S3AccessKey, config.S3SecretKey = c.AccessKey, c.SecretKey
				report("s3        %s/%s", c.Endpoint, c.Bucket)
			}}, nil
		}})
	}
	return all
}

// startAll starts side by side; what started before another failed is stopped
// by Stop. The order of applying is that of twins, so reports come in order.
func (in *Infra) startAll(ctx context.Context, log *slog.Logger, twins []twin) error {
	servers := make([]server, len(twins))
	group, ctx := errgroup.WithContext(ctx)
	for i, t := range twins {
		group.Go(func() (err error) {
			if servers[i], err = t.start(ctx); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			return nil
		})
	}
	err := group.Wait()
	for i, srv := range servers {
		switch {
		case srv.stop == nil: // did not start
		case err == nil && srv.kept != nil:
			keeper := embedded.Keep(twins[i].name, srv.kept, log)
			in.stoppers = append(in.stoppers, keeper.Stop)
			in.stores = append(in.stores, Store{twins[i].name, keeper.Down})
		default:
			in.stoppers = append(in.stoppers, srv.stop)
		}
		if err == nil {
			srv.apply()
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
