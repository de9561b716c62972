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
	// use is how long the holder relies on it; the rest of the lease is for clocks
	// that run at different speeds.
	use time.Duration
	// renew is the pause between renewals, retry that after one that failed.
	renew, retry time.Duration
	// attempt bounds one statement.
	attempt time.Duration
}

// clockCorrection is how much a renewal sets the time of a lease back at most, when
// it ran ahead of Postgres's.
const clockCorrection = 10 * time.Millisecond

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
	granted time.Time // Postgres's time at asOf
	asOf    time.Time // on the monotonic clock; zero before the first grant
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

// Machine returns the leased number and Postgres's time, or ErrNoLease when it is
// not certain that the number is still ours.
func (l *Lease) Machine() (int, time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Before(l.until) {
		return l.machine, l.timeAt(now), nil
	}
	if l.err != nil {
		return 0, time.Time{}, fmt.Errorf("%w: %w", ErrNoLease, l.err)
	}
	return 0, time.Time{}, ErrNoLease
}

// timeAt is Postgres's time at a moment of this process.
func (l *Lease) timeAt(moment time.Time) time.Time { return l.granted.Add(moment.Sub(l.asOf)) }

// newest is a time that no id of this process is after; the year 1970 without any.
func (l *Lease) newest() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asOf.IsZero() {
		return time.Unix(0, 0)
	}
	return l.timeAt(time.Now())
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

// Whoever comes second finds a row that has not expired, and gets nothing. A lease
// also covers ids of this process that are ahead of Postgres's clock, which may have
// been set back.
const takeSQL = `INSERT INTO machine_lease (id, holder, expires_at)
VALUES (@id, @holder, greatest(now(), @newest) + @lease)
ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE machine_lease.expires_at <= now()
RETURNING now()`

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
		var now time.Time
		err := l.db.QueryRow(ctx, takeSQL, pgx.NamedArgs{"id": n, "holder": l.holder, "newest": l.newest(), "lease": l.timing.lease}).Scan(&now)
		switch {
		case err == nil:
			l.grant(n, asked, now)
			return nil
		case !errors.Is(err, pgx.ErrNoRows):
			return fmt.Errorf("lease machine number: %w", err)
		}
	}
	return fmt.Errorf("lease machine number: all %d are in use", Machines)
}

// A lease that ended but that nobody took is still ours to renew.
const renewSQL = `UPDATE machine_lease SET expires_at = greatest(now(), @newest) + @lease WHERE id = @id AND holder = @holder
RETURNING now()`

func (l *Lease) renew(ctx context.Context) error {
	attempt, cancel := context.WithTimeout(ctx, l.timing.attempt)
	defer cancel()
	asked := time.Now()
	var now time.Time
	err := l.db.QueryRow(attempt, renewSQL, pgx.NamedArgs{"id": l.machine, "holder": l.holder, "newest": l.newest(), "lease": l.timing.lease}).Scan(&now)
	switch {
	case err == nil:
		l.grant(l.machine, asked, now)
		return nil
	case !errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("renew machine lease: %w", err)
	}
	l.revoke(errors.New("another process took it"))
	return l.acquire(ctx)
}

// Giving back leaves the time for which clocks may differ.
const releaseSQL = `UPDATE machine_lease SET expires_at = greatest(now(), @newest) + @rest WHERE id = @id AND holder = @holder`

// release gives the number back. A failure costs only the rest of the lease.
func (l *Lease) release(ctx context.Context) {
	l.revoke(errors.New("it was given back"))
	ctx, cancel := context.WithTimeout(ctx, l.timing.attempt)
	defer cancel()
	rest := l.timing.lease - l.timing.use
	_, _ = l.db.Exec(ctx, releaseSQL, pgx.NamedArgs{"id": l.machine, "holder": l.holder, "newest": l.newest(), "rest": rest})
}

// grant counts the lease from when it was asked for: the database counted later.
// The time of the lease follows Postgres's, but goes back only slowly: a clock that
// was set back must not hold up ids, nor repeat times.
func (l *Lease) grant(machine int, asked, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	answered := time.Now()
	if !l.asOf.IsZero() {
		if least := l.timeAt(answered).Add(-clockCorrection); least.After(now) {
			now = least
		}
	}
	l.granted, l.asOf = now, answered
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
