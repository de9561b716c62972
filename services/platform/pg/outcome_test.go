package pg_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/pg"
	"douyin.dev/services/platform/pg/pgtest"
)

// link is the way to a Postgres, which may lose answers.
type link struct {
	dsn string
	// severs closes a connection in place of its next answer, swallows loses answers.
	severs, swallows atomic.Bool
}

func newLink(t *testing.T) *link {
	t.Helper()
	to, err := pgconn.ParseConfig(infratest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{dsn: fmt.Sprintf("host=127.0.0.1 port=%d user=%s password='%s' dbname=%s sslmode=disable",
		listener.Addr().(*net.TCPAddr).Port, to.User, to.Password, to.Database)}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			network, address := pgconn.NetworkAddress(to.Host, to.Port)
			server, err := net.Dial(network, address)
			if err != nil {
				t.Error(err)
				return
			}
			running.Go(func() {
				_, _ = io.Copy(server, client)
				_ = server.Close()
			})
			running.Go(func() {
				l.answer(client, server)
				_ = client.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	return l
}

func (l *link) answer(client, server net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		switch {
		case err != nil, l.severs.Load():
			return
		case l.swallows.Load():
		default:
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	}
}

// linked returns a database with a table "made" behind a link, and the same without it.
func linked(t *testing.T) (*link, *pg.DB, *pg.DB) {
	t.Helper()
	direct := pgtest.New(t, nil)
	if _, err := direct.RW().Exec(t.Context(), `CREATE TABLE made (id int)`); err != nil {
		t.Fatal(err)
	}
	l := newLink(t)
	db, err := pg.Open(t.Context(), pg.Config{DSN: l.dsn, Service: direct.Schema(), MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if err := insert(db)(t.Context()); err != nil { // connects and prepares
		t.Fatal(err)
	}
	if _, err := direct.RW().Exec(t.Context(), `DELETE FROM made`); err != nil {
		t.Fatal(err)
	}
	return l, db, direct
}

const insertSQL = `INSERT INTO made VALUES (1)`

func insert(db *pg.DB) func(context.Context) error {
	return func(ctx context.Context) error {
		return db.Write(ctx, func(conn *pgxpool.Conn) error {
			_, err := conn.Exec(ctx, insertSQL)
			return err
		})
	}
}

func TestAWriteWhoseAnswerIsLostHasAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	inTx := func(db *pg.DB, first, last func()) func(context.Context) error {
		return func(ctx context.Context) error {
			return db.InTx(ctx, func(tx pgx.Tx) error {
				first()
				_, err := tx.Exec(ctx, insertSQL)
				last()
				return err
			})
		}
	}
	nothing := func() {}
	for name, tt := range map[string]struct {
		do      func(l *link, db *pg.DB) func(context.Context) error
		unknown bool // and done
	}{
		"StatementSevered": {unknown: true, do: func(l *link, db *pg.DB) func(context.Context) error {
			l.severs.Store(true)
			return insert(db)
		}},
		"StatementUnanswered": {unknown: true, do: func(l *link, db *pg.DB) func(context.Context) error {
			l.swallows.Store(true)
			return insert(db)
		}},
		"CommitSevered": {unknown: true, do: func(l *link, db *pg.DB) func(context.Context) error {
			return inTx(db, nothing, func() { l.severs.Store(true) })
		}},
		"CommitUnanswered": {unknown: true, do: func(l *link, db *pg.DB) func(context.Context) error {
			return inTx(db, nothing, func() { l.swallows.Store(true) })
		}},
		"SeveredBeforeCommit": {do: func(l *link, db *pg.DB) func(context.Context) error {
			return inTx(db, func() { l.severs.Store(true) }, nothing)
		}},
		"UnansweredBeforeCommit": {do: func(l *link, db *pg.DB) func(context.Context) error {
			return inTx(db, func() { l.swallows.Store(true) }, nothing)
		}},
		"NoConnection": {do: func(_ *link, db *pg.DB) func(context.Context) error {
			return func(ctx context.Context) error {
				held, err := db.RW().Acquire(ctx)
				if err != nil {
					return err
				}
				defer held.Release()
				return insert(db)(ctx)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, db, direct := linked(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err := tt.do(l, db)(ctx)
			if err == nil || fault.IsOutcomeUnknown(err) != tt.unknown {
				t.Fatalf("got %v, want an unknown outcome: %t", err, tt.unknown)
			}
			var rows int
			if err := direct.RW().QueryRow(t.Context(), `SELECT count(*) FROM made`).Scan(&rows); err != nil {
				t.Fatal(err)
			}
			if (rows == 1) != tt.unknown {
				t.Errorf("%d rows are there", rows)
			}
		})
	}
}

// What Postgres itself says decides, where it says something.
func TestAWriteThatPostgresRefusesHadNoEffect(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	for code, unknown := range map[string]bool{
		"08007": true, "08006": true, "40003": true, "57P01": true, "57P02": true,
		"57014": false, "53100": false, "55P03": false, "25006": false, "23505": false,
	} {
		err := db.Write(t.Context(), func(conn *pgxpool.Conn) error {
			_, err := conn.Exec(t.Context(), fmt.Sprintf(`DO $$ BEGIN RAISE EXCEPTION 'said so' USING ERRCODE = '%s'; END $$`, code))
			return err
		})
		if err == nil || fault.IsOutcomeUnknown(err) != unknown {
			t.Errorf("%s gave %v", code, err)
		}
	}
}

// A caller that leaves before its run begins takes its call along.
func TestACallIsTakenOutOfABatchThatHasNotBegun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate, ran := make(chan struct{}), []int(nil)
		b := pg.NewWriteBatch(8, nil, func(_ context.Context, qs []int) ([]int, error) {
			<-gate
			ran = append(ran, qs...)
			return qs, nil
		})
		var calls sync.WaitGroup
		errs := make([]error, 3)
		call := func(i int, ctx context.Context) {
			calls.Go(func() { _, errs[i] = b.Do(ctx, i) })
			synctest.Wait()
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		call(0, short)
		call(1, short)
		call(2, t.Context())
		<-short.Done()
		synctest.Wait()
		close(gate)
		calls.Wait()
		if !fault.IsOutcomeUnknown(errs[0]) {
			t.Errorf("the caller that left during its run got %v", errs[0])
		}
		if fault.CodeOf(errs[1]) != connect.CodeUnavailable || fault.IsOutcomeUnknown(errs[1]) {
			t.Errorf("the caller that left before its run got %v", errs[1])
		}
		if errs[2] != nil || fmt.Sprint(ran) != "[0 2]" {
			t.Errorf("the last caller got %v; ran %v", errs[2], ran)
		}
	})
}

func TestAReadIsNeverOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		b := pg.NewBatch(8, nil, func(_ context.Context, qs []int) ([]int, error) {
			<-gate
			return qs, nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.Do(ctx, 1); err == nil || fault.IsOutcomeUnknown(err) {
			t.Errorf("got %v", err)
		}
		close(gate)
	})
}

// Doing again what may have happened would be doing it twice.
func TestABatchOfUnknownOutcomeIsNotRunAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate, runs := make(chan struct{}), 0
		b := pg.NewWriteBatch(8, nil, func(_ context.Context, qs []int) ([]int, error) {
			if runs++; qs[0] == -1 {
				<-gate
				return qs, nil
			}
			return nil, fault.OutcomeUnknown(io.ErrUnexpectedEOF)
		})
		for i, err := range together(t.Context(), b, 8, gate) {
			if !fault.IsOutcomeUnknown(err) {
				t.Errorf("call %d: %v", i, err)
			}
		}
		if runs != 2 {
			t.Errorf("%d runs, want 2", runs)
		}
	})
}
