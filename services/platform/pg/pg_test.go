package pg_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"douyin.dev/services/platform/coalesce"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/pg"
	"douyin.dev/services/platform/pg/pgtest"
)

func TestMain(m *testing.M) { infratest.Main(m) }

func TestMigratingTwiceAndSideBySideIsHarmless(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := pg.Migrate(t.Context(), db, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// The schema must be able to move to Citus: every key contains the column its
// table is distributed by.
func TestEveryKeyOfThePlatformsTablesHoldsTheirDistributionColumn(t *testing.T) {
	t.Parallel()
	pgtest.CheckDistribution(t, pgtest.New(t, nil))
}

func TestABatchSharesARunAmongThoseWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runs, gate := 0, make(chan struct{})
		b := pg.NewBatch(64, nil, func(_ context.Context, qs []int) ([]int, error) {
			if runs++; runs == 1 {
				<-gate
			}
			out := make([]int, len(qs))
			for i, q := range qs {
				out[i] = q * 2
			}
			return out, nil
		})
		var wg sync.WaitGroup
		call := func(i int) {
			wg.Go(func() {
				if got, err := b.Do(t.Context(), i); err != nil || got != i*2 {
					t.Errorf("Do(%d) = %d, %v", i, got, err)
				}
			})
		}
		call(1)
		synctest.Wait() // the first run is under way
		for i := 2; i <= 50; i++ {
			call(i)
		}
		synctest.Wait() // the others wait
		close(gate)
		wg.Wait()
		if runs != 2 {
			t.Errorf("one call and 49 that waited for it took %d runs, want 2", runs)
		}
	})
}

func TestABatchNeverRunsEqualKeysTogether(t *testing.T) {
	t.Parallel()
	b := pg.NewBatch(64, func(q int) any { return q % 3 }, func(_ context.Context, qs []int) ([]int, error) {
		seen := map[int]bool{}
		for _, q := range qs {
			if seen[q%3] {
				return nil, fmt.Errorf("key %d twice in one run", q%3)
			}
			seen[q%3] = true
		}
		return qs, nil
	})
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			if _, err := b.Do(t.Context(), i); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestOneBadQueryFailsOnlyItself(t *testing.T) {
	t.Parallel()
	bad := errors.New("bad")
	b := pg.NewBatch(64, nil, func(_ context.Context, qs []int) ([]int, error) {
		for _, q := range qs {
			if q == 7 {
				return nil, bad
			}
		}
		return qs, nil
	})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if _, err := b.Do(t.Context(), i); (i == 7) != errors.Is(err, bad) {
				t.Errorf("Do(%d): %v", i, err)
			}
		})
	}
	wg.Wait()
}

// together calls b with 0 to n-1 in one run, behind the one of a call with -1 that
// gate holds up, and returns what each got.
func together(ctx context.Context, b *coalesce.Batch[int, int], n int, gate chan<- struct{}) []error {
	var calls sync.WaitGroup
	calls.Go(func() { _, _ = b.Do(ctx, -1) })
	synctest.Wait()
	errs := make([]error, n)
	for i := range n {
		calls.Go(func() { _, errs[i] = b.Do(ctx, i) })
	}
	synctest.Wait()
	close(gate)
	calls.Wait()
	return errs
}

// A run that is out of time fails as Postgres being unavailable does. Its calls
// would come again together, and take too long again.
func TestCallsThatTakeTooLongTogetherAreRunAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		b := pg.NewBatch(8, nil, func(ctx context.Context, qs []int) ([]int, error) {
			if qs[0] == -1 {
				<-gate
			}
			select {
			case <-time.After(time.Duration(len(qs)) * 3 * time.Second):
				return qs, nil
			case <-ctx.Done():
				return nil, fault.Unavailable(ctx.Err())
			}
		})
		for i, err := range together(t.Context(), b, 8, gate) {
			if err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		}
	})
}

// A Postgres that hangs holds up later calls for one run, not for one per call
// that nobody waits for any more.
func TestCallsThatNobodyWaitsForAreNotRunAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate, alone := make(chan struct{}), 0
		b := pg.NewBatch(8, nil, func(ctx context.Context, qs []int) ([]int, error) {
			switch {
			case qs[0] == -1:
				<-gate
				return qs, nil
			case len(qs) == 1:
				alone++
			}
			<-ctx.Done()
			return nil, fault.Unavailable(ctx.Err())
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		for i, err := range together(ctx, b, 8, gate) {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("call %d: %v", i, err)
			}
		}
		time.Sleep(time.Hour)
		if alone != 0 {
			t.Errorf("%d calls were run alone", alone)
		}
	})
}

// Postgres being away is no reason to ask it once for each call.
func TestCallsAreNotRunAloneWhilePostgresIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate, runs := make(chan struct{}), 0
		b := pg.NewBatch(8, nil, func(_ context.Context, qs []int) ([]int, error) {
			if runs++; qs[0] == -1 {
				<-gate
			}
			return nil, fault.Unavailable(errors.New("away"))
		})
		for i, err := range together(t.Context(), b, 8, gate) {
			if fault.CodeOf(err) != connect.CodeUnavailable {
				t.Errorf("call %d: %v", i, err)
			}
		}
		if runs != 2 {
			t.Errorf("%d runs, want 2", runs)
		}
	})
}

func TestAPanicInARunIsAnErrorForItsCallersOnly(t *testing.T) {
	t.Parallel()
	b := pg.NewBatch(1, nil, func(_ context.Context, qs []int) ([]int, error) {
		if qs[0] == 1 {
			panic("one")
		}
		return qs, nil
	})
	if _, err := b.Do(t.Context(), 1); err == nil {
		t.Error("a panicking run gave no error")
	}
	if _, err := b.Do(t.Context(), 2); err != nil {
		t.Errorf("the next run failed: %v", err)
	}
}

func TestSameKeySameAnswerAndOneEffect(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	var mu sync.Mutex
	effects := 0
	call := func(key, request string) (string, error) {
		answer := &wrapperspb.StringValue{}
		err := pg.Once(t.Context(), db, 1, key, wrapperspb.String(request), answer, func(pgx.Tx) error {
			mu.Lock()
			defer mu.Unlock()
			effects++
			answer.Value = fmt.Sprint("effect ", effects)
			return nil
		})
		return answer.GetValue(), err
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if got, err := call("k", "a"); err != nil || got != "effect 1" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	wg.Wait()
	if effects != 1 {
		t.Errorf("16 calls with one key had %d effects", effects)
	}
	_, err := call("k", "other")
	if f, ok := fault.As(err); !ok || f.Code() != connect.CodeInvalidArgument || f.Violations()[0].Field != "idempotency_key" {
		t.Errorf("the key with another request gave %v", err)
	}
}

func TestAFailedEffectLeavesTheKeyFree(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	bad := errors.New("bad")
	request, answer := wrapperspb.String("a"), &wrapperspb.StringValue{}
	err := pg.Once(t.Context(), db, 1, "k", request, answer, func(pgx.Tx) error { return bad })
	if !errors.Is(err, bad) {
		t.Fatalf("got %v", err)
	}
	ran := false
	if err := pg.Once(t.Context(), db, 1, "k", request, answer, func(pgx.Tx) error { ran = true; return nil }); err != nil || !ran {
		t.Errorf("the retry ran: %t, %v", ran, err)
	}
}

func TestAPostgresThatIsDownIsUnavailable(t *testing.T) {
	t.Parallel()
	db, err := pg.Open(t.Context(), pg.Config{DSN: "postgres://nobody@127.0.0.1:1/none", Service: "x"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got := fault.CodeOf(pg.Fault(db.Ping(t.Context()))); got != connect.CodeUnavailable {
		t.Errorf("got %v", got)
	}
	if own := fault.NotFound("x"); !errors.Is(pg.Fault(own), own) {
		t.Error("a fault was replaced")
	}
}

func TestKeysAreText(t *testing.T) {
	t.Parallel()
	for key, ok := range map[string]bool{
		"": true, "k": true, strings.Repeat("k", 128): true, strings.Repeat("字", 128): true,
		strings.Repeat("k", 129): false, strings.Repeat("字", 129): false, "a\x00b": false, "a\xffb": false,
	} {
		err := pg.CheckKey(key)
		if (err == nil) != ok {
			t.Errorf("%.10q: %v", key, err)
		}
		if f, _ := fault.As(err); !ok && (f == nil || f.Violations()[0].Field != "idempotency_key") {
			t.Errorf("%.10q: %v", key, err)
		}
	}
}

func TestOldKeysAreSweptByOneAtATime(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	const keysSQL = `INSERT INTO idempotency (user_id, key, fingerprint, answer, created_at)
		SELECT n, 'k', '', '', now() - @age::interval FROM generate_series(1::int, @n::int) n`
	fill := func(first string, age time.Duration, n int) {
		t.Helper()
		sql := strings.Replace(keysSQL, "'k'", "'"+first+"'", 1)
		if _, err := db.RW().Exec(t.Context(), sql, pgx.NamedArgs{"age": age, "n": n}); err != nil {
			t.Fatal(err)
		}
	}
	left := func() (n int) {
		t.Helper()
		if err := db.RW().QueryRow(t.Context(), `SELECT count(*) FROM idempotency`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	fill("old", pg.KeyTTL+time.Minute, 11_000)
	fill("new", pg.KeyTTL-time.Minute, 3)
	err := db.InTx(t.Context(), func(tx pgx.Tx) error {
		// Another process sweeps.
		if _, err := tx.Exec(t.Context(), `SELECT pg_advisory_xact_lock(hashtext(current_schema() || '/idempotency'))`); err != nil {
			return err
		}
		return db.SweepKeys(t.Context())
	})
	if n := left(); err != nil || n != 11_003 {
		t.Errorf("%d keys are left beside another sweep, %v", n, err)
	}
	if err := db.SweepKeys(t.Context()); err != nil || left() != 3 {
		t.Errorf("%d keys are left, %v", left(), err)
	}
}

// A call whose first attempt is still under way is not refused as if nothing
// had happened.
func TestKeyOfACallUnderWayHasAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	request, answer := wrapperspb.String("a"), &wrapperspb.StringValue{}
	err := pg.Once(t.Context(), db, 1, "k", request, answer, func(pgx.Tx) error {
		err := pg.Once(t.Context(), db, 1, "k", request, &wrapperspb.StringValue{}, func(pgx.Tx) error { return errors.New("done twice") })
		if !fault.IsOutcomeUnknown(err) {
			t.Errorf("got %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found, err := pg.Recall(t.Context(), db, 1, "k", request, answer); !found || err != nil {
		t.Errorf("recalled: %t, %v", found, err)
	}
	if found, err := pg.Recall(t.Context(), db, 2, "k", request, answer); found || err != nil {
		t.Errorf("another user's: %t, %v", found, err)
	}
}

func TestOneProcessAtATimeWorksExclusively(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	ran := 0
	work := func(context.Context) error { ran++; return nil }
	failure := errors.New("out of luck")
	err := pg.Exclusively(t.Context(), db, "sweep", func(ctx context.Context) error {
		if err := pg.Exclusively(ctx, db, "sweep", work); err != nil || ran != 0 {
			t.Errorf("a second one ran %d times: %v", ran, err)
		}
		if err := pg.Exclusively(ctx, db, "other", work); err != nil || ran != 1 {
			t.Errorf("work of another name ran %d times: %v", ran, err)
		}
		return failure
	})
	if !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	if err := pg.Exclusively(t.Context(), db, "sweep", work); err != nil || ran != 2 {
		t.Errorf("after the first one ended: ran %d times: %v", ran, err)
	}
}

// Ids of one machine differ by 1<<12 or so, and still meet every stripe.
func TestStripesAreEven(t *testing.T) {
	t.Parallel()
	const bits, ids = 4, 16_000
	var n [1 << bits]int
	for i := range int64(ids) {
		n[pg.Stripe(i<<12|7, bits)]++
	}
	for stripe, n := range n {
		if n < ids>>bits/2 || n > ids>>bits*2 {
			t.Errorf("stripe %d has %d ids of %d", stripe, n, ids)
		}
	}
}
