package pg

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"douyin.dev/services/platform/fault"
)

// Whether a write that failed may have happened is decided here, where it is
// sent, and nowhere else: a commit whose answer did not arrive is
// fault.OutcomeUnknown, and every other error of a write says that it had no
// effect.

// Write runs write, which sends one statement or one batch: it commits by itself.
// When it is not known whether it did, the error is fault.OutcomeUnknown.
func (db *DB) Write(ctx context.Context, write func(conn *pgxpool.Conn) error) error {
	conn, err := db.rw.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if err = write(conn); err != nil && (interrupted(err) || conn.Conn().IsClosed() && unanswered(err)) {
		return fault.OutcomeUnknown(err)
	}
	return err
}

// commit commits tx. When it is not known whether it did, the error is
// fault.OutcomeUnknown.
func commit(ctx context.Context, tx pgx.Tx) error {
	if tx.Conn().IsClosed() {
		return pgconn.ErrConnClosed
	}
	err := tx.Commit(ctx)
	switch {
	case err == nil, errors.Is(err, pgx.ErrTxClosed), errors.Is(err, pgx.ErrTxCommitRollback):
		return err
	case interrupted(err), unanswered(err):
		return fault.OutcomeUnknown(err)
	default:
		return err
	}
}

// unanswered reports whether err, of a statement that commits, is no answer of
// Postgres to it. pgx closes a connection on which it sent something and got no
// answer. Its error then may be ErrConnClosed, which claims to be safe to retry:
// MultiResultReader.NextResult drops the error of the read that closed the connection.
func unanswered(err error) bool {
	var own *fault.Error
	var answer *pgconn.PgError
	if errors.As(err, &own) || errors.As(err, &answer) {
		return false
	}
	return errors.Is(err, pgconn.ErrConnClosed) || !pgconn.SafeToRetry(err)
}

// interrupted reports whether Postgres itself answered that it was interrupted
// while it may have been committing.
func interrupted(err error) bool {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.Code {
	case "40003", "57P01", "57P02": // statement completion unknown, shutdown by an administrator, crash of another backend
		return true
	default:
		return answer.Code[:2] == "08" // 08007 is "transaction resolution unknown"; the others say that a connection broke
	}
}
