package id

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"douyin.dev/services/platform/embedded/postgres"
)

// brisk is the usual rhythm, a hundred times as fast.
var brisk = timing{lease: 600 * time.Millisecond, use: 450 * time.Millisecond, renew: 100 * time.Millisecond, retry: 20 * time.Millisecond, attempt: 5 * time.Second}

// slow never renews within a test.
var slow = timing{lease: time.Hour, use: time.Hour, renew: time.Hour, retry: time.Hour, attempt: 10 * time.Second}

// startPostgres returns a pool on a real server with the table of leases.
func startPostgres(t *testing.T) *pgxpool.Pool {
	t.Helper()
	srv, err := postgres.Start(t.Context(), postgres.Options{Dir: t.TempDir(), Services: []string{"user"}, NoSync: true, NoDownload: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	pool, err := pgxpool.New(t.Context(), srv.AdminDSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	exec(t, pool, Schema)
	return pool
}

func exec(t *testing.T, db DB, sql string, args ...any) {
	t.Helper()
	if _, err := db.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func lease(t *testing.T, db DB, rhythm timing) *Lease {
	t.Helper()
	l, err := leaseMachineID(t.Context(), db, "test", rhythm)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// keep runs l.Keep until the returned function is called, or the test ends.
func keep(t *testing.T, l *Lease) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Keep(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("keep: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// eventually polls until ok, for at most ten seconds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// flaky is a database that can be made to fail.
type flaky struct {
	DB
	down atomic.Bool
}

func (f *flaky) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if f.down.Load() {
		return pgconn.CommandTag{}, errors.New("database is away")
	}
	return f.DB.Exec(ctx, sql, args...)
}

func (f *flaky) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if f.down.Load() {
		return noRow{}
	}
	return f.DB.QueryRow(ctx, sql, args...)
}

type noRow struct{}

func (noRow) Scan(...any) error { return errors.New("database is away") }

// One server serves all: each group of leases below has the table to itself.
func TestLease(t *testing.T) {
	t.Parallel()
	pool := startPostgres(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, *pgxpool.Pool)
	}{
		{"processes that start together get different numbers", startTogether},
		{"when all numbers are used the next process is refused", allUsed},
		{"a kept lease outlives its first period", keptLease},
		{"a lease that is not renewed stops making ids", lostLease},
		{"an outage passes and the number stays", outage},
		{"a number another process took is never used again", takenOver},
		{"a number given back rests before it is used again", givenBack},
		{"a number used ahead of the clock is not leased before that time", usedAhead},
	} {
		t.Run(c.name, func(t *testing.T) {
			exec(t, pool, "TRUNCATE machine_lease")
			c.test(t, pool)
		})
	}
}

func startTogether(t *testing.T, pool *pgxpool.Pool) {
	const processes = 40
	leases := make(chan *Lease, processes)
	for range processes {
		go func() {
			l, err := leaseMachineID(t.Context(), pool, "test", slow)
			if err != nil {
				t.Error(err)
			}
			leases <- l
		}()
	}
	seen := map[int]bool{}
	for range processes {
		l := <-leases
		if l == nil {
			continue
		}
		n, _, err := l.Machine()
		if err != nil || n < 0 || n >= Machines || seen[n] {
			t.Errorf("number %d, seen %v, %v", n, seen[n], err)
		}
		seen[n] = true
	}
}

func allUsed(t *testing.T, pool *pgxpool.Pool) {
	exec(t, pool, `INSERT INTO machine_lease SELECT n, 'x', now() + interval '1 hour' FROM generate_series(0, 1023) n WHERE n <> 77`)
	l := lease(t, pool, slow)
	if n, _, err := l.Machine(); n != 77 || err != nil {
		t.Errorf("got %d, %v, want the one free number", n, err)
	}
	if _, err := leaseMachineID(t.Context(), pool, "test", slow); err == nil {
		t.Error("a number was leased twice")
	}
}

func keptLease(t *testing.T, pool *pgxpool.Pool) {
	// Renewed often enough that a busy machine does not lose it.
	kept := timing{lease: 4 * time.Second, use: 3 * time.Second, renew: 200 * time.Millisecond, retry: 50 * time.Millisecond, attempt: 5 * time.Second}
	l := lease(t, pool, kept)
	keep(t, l)
	g := New(l)
	before, _, _ := l.Machine()
	for end := time.Now().Add(2 * kept.lease); time.Now().Before(end); {
		if _, err := g.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if after, _, err := l.Machine(); after != before || err != nil {
		t.Errorf("number went from %d to %d, %v", before, after, err)
	}
}

func lostLease(t *testing.T, pool *pgxpool.Pool) {
	g := New(lease(t, pool, brisk))
	if _, err := g.Next(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "refused", func() bool { _, err := g.Next(); return errors.Is(err, ErrNoLease) })
	// It refuses before the row says that others may take the number.
	var live int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM machine_lease WHERE expires_at > now()`).Scan(&live); err != nil {
		t.Fatal(err)
	}
	if live != 1 {
		t.Error("the lease had ended for others before it ended for its holder")
	}
}

func outage(t *testing.T, pool *pgxpool.Pool) {
	db := &flaky{DB: pool}
	l := lease(t, db, brisk)
	keep(t, l)
	before, _, _ := l.Machine()
	db.down.Store(true)
	eventually(t, "refused", func() bool { _, _, err := l.Machine(); return errors.Is(err, ErrNoLease) })
	db.down.Store(false)
	eventually(t, "back", func() bool { _, _, err := l.Machine(); return err == nil })
	if after, _, _ := l.Machine(); after != before {
		t.Errorf("number went from %d to %d though nobody took it", before, after)
	}
}

func takenOver(t *testing.T, pool *pgxpool.Pool) {
	l := lease(t, pool, brisk)
	g := New(l)
	before, _, _ := l.Machine()
	first, err := g.Next()
	if err != nil {
		t.Fatal(err)
	}
	exec(t, pool, `UPDATE machine_lease SET holder = 'another', expires_at = now() + interval '1 hour' WHERE id = @id`, pgx.NamedArgs{"id": before})
	keep(t, l)
	eventually(t, "another number", func() bool { n, _, err := l.Machine(); return err == nil && n != before })
	second, err := g.Next()
	if err != nil {
		t.Fatal(err)
	}
	if first%Machines == second%Machines || second <= first {
		t.Errorf("ids %d and %d: want another machine and a later time", first, second)
	}
}

func givenBack(t *testing.T, pool *pgxpool.Pool) {
	l := lease(t, pool, timing{lease: time.Hour, use: time.Hour - 30*time.Second, renew: time.Hour, retry: time.Hour, attempt: 10 * time.Second})
	keep(t, l)()
	if _, err := New(l).Next(); !errors.Is(err, ErrNoLease) {
		t.Errorf("got %v after giving back", err)
	}
	var rest time.Duration
	if err := pool.QueryRow(t.Context(), `SELECT expires_at - now() FROM machine_lease`).Scan(&rest); err != nil {
		t.Fatal(err)
	}
	if rest < 20*time.Second || rest > 30*time.Second {
		t.Errorf("the number rests %v, want about 30 s", rest)
	}
}

// The clock of Postgres was an hour ahead when the number was leased, and was set
// right: the number's ids are of an hour that is to come.
func usedAhead(t *testing.T, pool *pgxpool.Pool) {
	l := lease(t, pool, slow)
	number, _, err := l.Machine()
	if err != nil {
		t.Fatal(err)
	}
	l.grant(number, time.Now(), time.Now().Add(time.Hour))
	first, err := New(l).Next()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	second, err := New(l).Next()
	if err != nil || Time(second).Before(Time(first).Add(-time.Second)) {
		t.Errorf("ids of %v and %v, %v", Time(first), Time(second), err)
	}
	for what, end := range map[string]func(){"renewed": func() {}, "given back": func() { l.release(t.Context()) }} {
		end()
		var expires time.Time
		if err := pool.QueryRow(t.Context(), `SELECT expires_at FROM machine_lease WHERE id = @id`, pgx.NamedArgs{"id": number}).Scan(&expires); err != nil {
			t.Fatal(err)
		}
		if !expires.Add(time.Millisecond).After(Time(second)) {
			t.Errorf("%s: leased again from %v on, with ids of %v", what, expires, Time(second))
		}
	}
}
