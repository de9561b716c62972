package limits

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// Writer commits the rows of all waiting callers at once, over one connection.
type Writer struct {
	conn *pgx.Conn
	// commit makes rows durable.
	commit func(ctx context.Context, a, b, c, at []int64) error
	next   atomic.Int64
}

const writerTableSQL = `CREATE SCHEMA IF NOT EXISTS bench;
DROP TABLE IF EXISTS bench.written;
CREATE TABLE bench.written (a bigint, b bigint, c bigint, at bigint NOT NULL, PRIMARY KEY (a, b))`

// OpenWriter connects and makes the table anew.
func OpenWriter(ctx context.Context, dsn string) (*Writer, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("open writer: %w", err)
	}
	if _, err := conn.Exec(ctx, writerTableSQL, pgx.QueryExecModeSimpleProtocol); err != nil {
		return nil, errors.Join(fmt.Errorf("make table: %w", err), conn.Close(ctx))
	}
	return &Writer{conn: conn, commit: func(ctx context.Context, a, b, c, at []int64) error {
		_, err := conn.Exec(ctx, writeSQL, a, b, c, at)
		return err
	}}, nil
}

// Version is the server's.
func (w *Writer) Version(ctx context.Context) (version string, err error) {
	err = w.conn.QueryRow(ctx, `SHOW server_version`).Scan(&version)
	return version, err
}

// Close drops the table.
func (w *Writer) Close(ctx context.Context) error {
	_, err := w.conn.Exec(ctx, `DROP SCHEMA IF EXISTS bench CASCADE`)
	return errors.Join(err, w.conn.Close(ctx))
}

// caller waits for its row.
type caller struct {
	id   int64
	done chan error
}

// Measure returns how many rows a second were durable with so many callers
// that each wait for their row before they write the next. The session's
// settings are the server's: fsync and synchronous_commit as the platform has them.
func (w *Writer) Measure(ctx context.Context, callers int, warmup, duration time.Duration) (float64, error) {
	waiting := make(chan *caller, callers)
	begin := time.Now().Add(warmup)
	end := begin.Add(duration)
	var rows atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			c := &caller{done: make(chan error, 1)}
			for time.Now().Before(end) {
				c.id = w.next.Add(1)
				waiting <- c
				if <-c.done != nil {
					return
				}
				if now := time.Now(); now.After(begin) && now.Before(end) {
					rows.Add(1)
				}
			}
		})
	}
	go func() { // ends when the callers have
		all.Wait()
		close(waiting)
	}()
	if err := w.write(ctx, waiting); err != nil {
		return 0, fmt.Errorf("measure limit W: %w", err)
	}
	if w.conn != nil {
		if _, err := w.conn.Exec(ctx, `TRUNCATE bench.written`); err != nil {
			return 0, fmt.Errorf("clear table: %w", err)
		}
	}
	return float64(rows.Load()) / duration.Seconds(), nil
}

const writeSQL = `INSERT INTO bench.written (a, b, c, at)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])`

// write commits whoever waits, again and again, until there is nobody left.
// After a failure it only refuses.
func (w *Writer) write(ctx context.Context, waiting <-chan *caller) (failure error) {
	var batch []*caller
	var a, b, c, at []int64
	for first := range waiting {
		batch = append(batch[:0], first)
	gather:
		for {
			select {
			case next, ok := <-waiting:
				if !ok {
					break gather
				}
				batch = append(batch, next)
			default:
				break gather
			}
		}
		a, b, c, at = a[:0], b[:0], c[:0], at[:0]
		now := time.Now().UnixMicro()
		for _, caller := range batch {
			// As for a like: the first column jumps, the pair is unique.
			a, b, c, at = append(a, caller.id*7919%1_000_003), append(b, caller.id), append(c, caller.id%997), append(at, now)
		}
		if failure == nil {
			failure = w.commit(ctx, a, b, c, at)
		}
		for _, caller := range batch {
			caller.done <- failure
		}
	}
	return failure
}
