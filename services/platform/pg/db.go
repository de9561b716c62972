package pg

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config is where a service's rows live.
type Config struct {
	// DSN of the primary. "{service}" is replaced by Service.
	DSN string
	// ReadDSN of a replica for reads that may lag; empty for the primary.
	ReadDSN string
	// Service names the schema.
	Service string
	// MaxConns bounds each pool.
	MaxConns int32
}

// DB is a service's two pools. It is safe for concurrent use.
type DB struct {
	schema string
	rw, ro *pgxpool.Pool
}

// Open prepares the pools. It does not connect: a Postgres that is down at
// start is noticed by the first query.
func Open(ctx context.Context, c Config) (*DB, error) {
	rw, err := openPool(ctx, c, c.DSN)
	if err != nil {
		return nil, err
	}
	db := &DB{schema: c.Service, rw: rw, ro: rw}
	if c.ReadDSN != "" {
		if db.ro, err = openPool(ctx, c, c.ReadDSN); err != nil {
			rw.Close()
			return nil, err
		}
	}
	return db, nil
}

func openPool(ctx context.Context, c Config, dsn string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(strings.ReplaceAll(dsn, "{service}", c.Service))
	if err != nil {
		return nil, fmt.Errorf("postgres dsn: %w", err)
	}
	if c.MaxConns > 0 {
		cfg.MaxConns = c.MaxConns
	}
	cfg.MaxConnIdleTime = time.Minute
	cfg.MaxConnLifetime = time.Hour
	cfg.MaxConnLifetimeJitter = 10 * time.Minute
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	params := cfg.ConnConfig.RuntimeParams
	params["search_path"] = pgx.Identifier{c.Service}.Sanitize()
	params["application_name"] = "douyin-" + c.Service
	// A forgotten transaction must not hold its locks for ever.
	params["idle_in_transaction_session_timeout"] = "30s"
	params["lock_timeout"] = "5s"
	params["timezone"] = "UTC"
	cfg.ConnConfig.Tracer = otelpgx.NewTracer()
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("postgres pool: %w", err)
	}
	return pool, nil
}

// RW returns the pool of the primary: for writes, for reads that decide a
// write, and for reads that follow the reader's own write.
func (db *DB) RW() *pgxpool.Pool { return db.rw }

// RO returns the pool for reads that may lag by a replica's delay.
func (db *DB) RO() *pgxpool.Pool { return db.ro }

// Schema returns the name of the service's schema.
func (db *DB) Schema() string { return db.schema }

// Ping reports whether the primary answers.
func (db *DB) Ping(ctx context.Context) error { return db.rw.Ping(ctx) }

// Close closes both pools.
func (db *DB) Close() {
	db.rw.Close()
	if db.ro != db.rw {
		db.ro.Close()
	}
}
