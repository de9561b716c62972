package pg

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// The lock space is the whole database's, so the schema is part of the lock.
const (
	tryExclusiveSQL = `SELECT pg_try_advisory_lock(hashtext(@name), hashtext(current_schema()))`
	endExclusiveSQL = `SELECT pg_advisory_unlock(hashtext(@name), hashtext(current_schema()))`
)

// Exclusively runs fn while no other process that shares the schema runs one of
// that name. Where one does, it returns nil at once and fn does not run. The lock
// is a connection's: a process that dies frees it.
func Exclusively(ctx context.Context, db *DB, name string, fn func(context.Context) error) error {
	conn, err := db.RW().Acquire(ctx)
	if err != nil {
		return fmt.Errorf("acquire connection: %w", err)
	}
	// Closing the connection frees the lock, whatever happened to it.
	defer func() { _ = conn.Hijack().Close(context.WithoutCancel(ctx)) }()
	args := pgx.NamedArgs{"name": name}
	var mine bool
	if err := conn.QueryRow(ctx, tryExclusiveSQL, args).Scan(&mine); err != nil {
		return fmt.Errorf("lock %s: %w", name, err)
	}
	if !mine {
		return nil
	}
	err = fn(ctx)
	// Postgres notices a closed connection only after a while. When this fails, the
	// connection is broken, and the lock goes with it.
	_, _ = conn.Exec(context.WithoutCancel(ctx), endExclusiveSQL, args)
	return err
}
