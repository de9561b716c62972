package pg

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/pause"
)

const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	lockTimedOut         = "55P03"
	txAttempts           = 5
)

// InTx runs fn in a transaction and commits it. A serialization failure or a
// deadlock runs it again, at most five times in all: fn must have no effect
// outside of tx. When it is not known whether it was committed, the error is
// fault.OutcomeUnknown; every other error says that it was not.
func (db *DB) InTx(ctx context.Context, fn func(tx pgx.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := db.inTx(ctx, fn)
		if err == nil || attempt == txAttempts || !retryable(err) {
			return err
		}
		backoff := time.Duration(attempt) * 10 * time.Millisecond
		if !pause.For(ctx, rand.N(backoff)) {
			return fmt.Errorf("retry transaction: %w", ctx.Err())
		}
	}
}

func (db *DB) inTx(ctx context.Context, fn func(tx pgx.Tx) error) error {
	tx, err := db.rw.Begin(ctx)
	if err != nil {
		return err
	}
	// Also after a panic. A connection on which it fails is closed, which rolls back too.
	defer func() { _ = tx.Rollback(ctx) }()
	if err := fn(tx); err != nil {
		return err
	}
	return commit(ctx, tx)
}

func retryable(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && (pgErr.Code == serializationFailure || pgErr.Code == deadlockDetected)
}

func lockNotAvailable(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == lockTimedOut
}

// Fault turns an error that says Postgres cannot be used now into
// fault.Unavailable and leaves every other error as it is, above all
// fault.OutcomeUnknown.
func Fault(err error) error {
	if err == nil || !Unavailable(err) {
		return err
	}
	if _, ok := fault.As(err); ok {
		return err
	}
	return fault.Unavailable(err)
}

// Unavailable reports whether err says that Postgres cannot be used now.
func Unavailable(err error) bool {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return true
	}
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		switch pgErr.Code[:2] {
		case "08", "53", "57": // connection, resources (disk full, too many clients), operator intervention
			return true
		}
		return pgErr.Code == lockTimedOut || pgErr.Code == "25006" // read-only after a failover
	}
	// Everything else that pgconn marks as a lost connection ends in a closed conn.
	return pgconn.Timeout(err) || isConnLost(err)
}
