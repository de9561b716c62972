package id

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Schema is the table of leases; each service's schema has its own.
const Schema = `CREATE TABLE machine_lease (
    id         smallint PRIMARY KEY,
    holder     text NOT NULL,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE machine_lease IS 'distributed by id';`

// DB is what leases need of a pgxpool.Pool on the primary.
type DB interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// timing is the rhythm of a lease.
type timing struct {
	// lease is how long others keep away after the last renewal.
	lease time.Duration
	// use is how long the holder relies on it. The rest of the lease is for
	// wall clocks that differ: ids carry the time of their machine, and the next
	// holder's clock may be behind ours by up to lease - use.
	use time.Duration
	// renew is the pause between renewals, retry that after one that failed.
	renew, retry time.Duration
	// attempt bounds one statement.
	attempt time.Duration
}

// Two renewals may fail before ids are refused.
var usual = timing{lease: 60 * time.Second, use: 45 * time.Second, renew: 15 * time.Second, retry: 3 * time.Second, attempt: 5 * time.Second}

// Lease is the right to use a machine number. Keep renews it. It is safe for
// concurrent use.
type Lease struct {
	db     DB
	holder string
	timing timing

	mu      sync.Mutex
	machine int
	until   time.Time // on the monotonic clock; zero after release
	err     error     // of the last renewal
}

// LeaseMachineID leases a free machine number. owner tells operators who holds
// it, for example the pod's name; it need not be unique.
func LeaseMachineID(ctx context.Context, db DB, owner string) (*Lease, error) {
	return leaseMachineID(ctx, db, owner, usual)
}

func leaseMachineID(ctx context.Context, db DB, owner string, t timing) (*Lease, error) {
	// A restarted process must not be taken for its predecessor, which may only
	// be frozen: so every lease has a holder of its own.
	l := &Lease{db: db, holder: owner + "/" + rand.Text(), timing: t}
	if err := l.acquire(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// Machine returns the leased number, or ErrNoLease when it is not certain that
// it is still ours.
func (l *Lease) Machine() (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Now().Before(l.until) {
		return l.machine, nil
	}
	if l.err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNoLease, l.err)
	}
	return 0, ErrNoLease
}

// Keep renews the lease until ctx ends, and then gives it back. A lease that
// another process took is replaced by one of another number. It returns nil
// when ctx ends: trouble with the database shows in Machine, and passes.
func (l *Lease) Keep(ctx context.Context) error {
	timer := time.NewTimer(l.timing.renew)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			l.release(context.WithoutCancel(ctx))
			return nil
		case <-timer.C:
		}
		pause := l.timing.renew
		if err := l.renew(ctx); err != nil {
			l.failed(err)
			pause = l.timing.retry
		}
		timer.Reset(pause)
	}
}

const liveSQL = `SELECT coalesce(array_agg(id), '{}') FROM machine_lease WHERE expires_at > now()`

// Whoever comes second finds a row that has not expired, and gets nothing.
const takeSQL = `INSERT INTO machine_lease (id, holder, expires_at)
VALUES (@id, @holder, now() + @lease)
ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE machine_lease.expires_at <= now()`

// acquire takes a free number. Numbers are tried at random, so that processes
// that start together seldom meet.
func (l *Lease) acquire(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.timing.attempt)
	defer cancel()
	var live []int16
	if err := l.db.QueryRow(ctx, liveSQL).Scan(&live); err != nil {
		return fmt.Errorf("read machine leases: %w", err)
	}
	taken := make(map[int]bool, len(live))
	for _, n := range live {
		taken[int(n)] = true
	}
	for _, n := range mathrand.Perm(Machines) {
		if taken[n] {
			continue
		}
		asked := time.Now()
		tag, err := l.db.Exec(ctx, takeSQL, pgx.NamedArgs{"id": n, "holder": l.holder, "lease": l.timing.lease})
		if err != nil {
			return fmt.Errorf("lease machine number: %w", err)
		}
		if tag.RowsAffected() == 1 {
			l.granted(n, asked)
			return nil
		}
	}
	return fmt.Errorf("lease machine number: all %d are in use", Machines)
}

// A lease that ended but that nobody took is still ours to renew.
const renewSQL = `UPDATE machine_lease SET expires_at = now() + @lease WHERE id = @id AND holder = @holder`

func (l *Lease) renew(ctx context.Context) error {
	attempt, cancel := context.WithTimeout(ctx, l.timing.attempt)
	defer cancel()
	asked := time.Now()
	tag, err := l.db.Exec(attempt, renewSQL, pgx.NamedArgs{"id": l.machine, "holder": l.holder, "lease": l.timing.lease})
	if err != nil {
		return fmt.Errorf("renew machine lease: %w", err)
	}
	if tag.RowsAffected() == 1 {
		l.granted(l.machine, asked)
		return nil
	}
	l.revoke(errors.New("another process took it"))
	return l.acquire(ctx)
}

// Giving back leaves the time for which clocks may differ.
const releaseSQL = `UPDATE machine_lease SET expires_at = now() + @rest WHERE id = @id AND holder = @holder`

// release gives the number back. A failure costs only the rest of the lease.
func (l *Lease) release(ctx context.Context) {
	l.revoke(errors.New("it was given back"))
	ctx, cancel := context.WithTimeout(ctx, l.timing.attempt)
	defer cancel()
	rest := l.timing.lease - l.timing.use
	_, _ = l.db.Exec(ctx, releaseSQL, pgx.NamedArgs{"id": l.machine, "holder": l.holder, "rest": rest})
}

// granted counts from when the lease was asked for: the database counted later.
func (l *Lease) granted(machine int, asked time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.machine, l.until, l.err = machine, asked.Add(l.timing.use), nil
}

func (l *Lease) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

func (l *Lease) revoke(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until, l.err = time.Time{}, err
}
