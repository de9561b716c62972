package cache_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"

	"douyin.dev/services/platform/cache"
	"douyin.dev/services/platform/embedded/redis"
)

// row is what the tests keep.
type row struct {
	Name    string
	Version int64
}

// table is the truth the caches copy. Its reads can be held up.
type table struct {
	mu    sync.Mutex
	rows  map[int64]row
	err   error
	reads map[int64]int // how often a key was read
	busy  map[int64]int // reads under way
	peak  int           // most reads of one key at a time
	calls atomic.Int64
	takes time.Duration
	hold  chan struct{} // when set, a read has its answer and waits for this to close
	held  chan struct{} // gets a value when a read begins to wait
}

func newTable(rows ...row) *table {
	t := &table{rows: map[int64]row{}, reads: map[int64]int{}, busy: map[int64]int{}, held: make(chan struct{}, 1000)}
	for i, r := range rows {
		t.rows[int64(i+1)] = r
	}
	return t
}

func (t *table) load(ctx context.Context, keys []int64) (map[int64]row, error) {
	t.calls.Add(1)
	t.mu.Lock()
	out := map[int64]row{}
	for _, k := range keys {
		t.reads[k]++
		t.busy[k]++
		t.peak = max(t.peak, t.busy[k])
		if r, ok := t.rows[k]; ok {
			out[k] = r
		}
	}
	err, hold := t.err, t.hold
	t.mu.Unlock()
	time.Sleep(t.takes)
	if hold != nil {
		t.held <- struct{}{}
		<-hold
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range keys {
		t.busy[k]--
	}
	return out, err
}

// commit writes a row as a service would, without telling any cache.
func (t *table) commit(k int64, r row) row {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[k] = r
	return r
}

func (t *table) remove(k int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.rows, k)
}

func (t *table) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
}

// stop makes the reads to come wait; the returned function lets them go on.
func (t *table) stop() (resume func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	hold := make(chan struct{})
	t.hold = hold
	return sync.OnceFunc(func() {
		t.mu.Lock()
		t.hold = nil
		t.mu.Unlock()
		close(hold)
	})
}

func (t *table) readsOf(k int64) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reads[k]
}

type users = cache.Cache[int64, row]

func options(t *table, client rueidis.Client) cache.Options[int64, row] {
	return cache.Options[int64, row]{
		Name: "user", Redis: client, Codec: cache.JSON[row](), Load: t.load,
		Version:  func(r row) int64 { return r.Version },
		L1TTL:    time.Minute, // so that it is not the lifetime that makes a test pass
		Deadline: 2 * time.Second,
	}
}

func newCache(t *testing.T, o cache.Options[int64, row]) *users {
	t.Helper()
	c, err := cache.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// run runs c and waits until its first level is in use.
func run(t *testing.T, c *users) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	eventually(t, "first level in use", c.Live)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func get(t *testing.T, c *users, k int64) row {
	t.Helper()
	r, _, err := c.Get(context.Background(), k)
	if err != nil {
		t.Error(err)
	}
	return r
}

func wantRow(t *testing.T, c *users, k int64, want row) {
	t.Helper()
	if diff := cmp.Diff(want, get(t, c, k)); diff != "" {
		t.Errorf("row %d (-want +got):\n%s", k, diff)
	}
}

type server struct {
	*redis.Server
	client rueidis.Client
	stop   func()
}

func startRedis(t *testing.T, inProcess bool) *server {
	t.Helper()
	srv, err := redis.Start(t.Context(), redis.Options{Dir: t.TempDir(), InProcess: inProcess, Open: true})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Server: srv, stop: sync.OnceFunc(func() {
		if err := srv.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})}
	t.Cleanup(s.stop)
	s.client = s.connect(t)
	return s
}

// connect returns a client of its own, as another instance has.
func (s *server) connect(t *testing.T) rueidis.Client {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.Addr()}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func (s *server) flush(t *testing.T) {
	t.Helper()
	if err := s.client.Do(t.Context(), s.client.B().Flushall().Build()).Error(); err != nil {
		t.Fatal(err)
	}
}

// freeze stops the server's process; thaw lets it go on.
func (s *server) freeze(t *testing.T) (thaw func()) {
	t.Helper()
	info, err := s.client.Do(t.Context(), s.client.B().Info().Section("server").Build()).ToString()
	if err != nil {
		t.Fatal(err)
	}
	pid := 0
	for line := range strings.Lines(info) {
		_, _ = fmt.Sscanf(line, "process_id:%d", &pid)
	}
	if pid <= 1 {
		t.Fatalf("no process id in %q", info)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	thaw = sync.OnceFunc(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	t.Cleanup(thaw)
	return thaw
}

// onBoth runs a test on a real server and on the one in this process.
func onBoth(t *testing.T, test func(t *testing.T, s *server)) {
	t.Parallel()
	for name, inProcess := range map[string]bool{"redis-server": false, "in process": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, startRedis(t, inProcess))
		})
	}
}

func TestPageIsReadOnceAndThenKept(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		db := newTable(row{"Ann", 1}, row{"Bob", 1})
		c := newCache(t, options(db, s.client))
		run(t, c)
		want := map[int64]row{1: {"Ann", 1}, 2: {"Bob", 1}}
		for range 3 {
			got, err := c.GetMany(t.Context(), []int64{1, 2, 2, 9})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("page (-want +got):\n%s", diff)
			}
		}
		for _, keys := range [][]int64{{2, 9, 1}, {2, 9, 1, 8}, {2, 9, 1, 8}} {
			list, err := c.GetList(t.Context(), keys)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]row{{"Bob", 1}, {"Ann", 1}}, list); diff != "" {
				t.Errorf("list of %v (-want +got):\n%s", keys, diff)
			}
		}
		if n := db.calls.Load(); n != 2 {
			t.Errorf("the table was read %d times, want once for the page and once for 8", n)
		}
		other := newCache(t, options(db, s.connect(t)))
		wantRow(t, other, 1, row{"Ann", 1})
		if n := db.calls.Load(); n != 2 {
			t.Error("another instance did not find it in Redis")
		}
	})
}

func TestConcurrentReadersMakeOneLoadPerKey(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		db := newTable(row{"Ann", 1}, row{"Bob", 1}, row{"Cat", 1})
		c := newCache(t, options(db, s.client))
		run(t, c)
		resume := db.stop()
		var readers sync.WaitGroup
		for i := range 100 {
			readers.Go(func() {
				k := int64(i%3) + 1
				if got, err := c.GetMany(context.Background(), []int64{k, k%3 + 1}); err != nil || len(got) != 2 {
					t.Errorf("got %v, %v", got, err)
				}
			})
		}
		<-db.held
		resume()
		readers.Wait()
		for k := range int64(3) {
			if n := db.readsOf(k + 1); n != 1 {
				t.Errorf("key %d was read %d times", k+1, n)
			}
		}
	})
}

func TestOlderVersionNeverWins(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		db := newTable(row{"old", 1})
		a, b := newCache(t, options(db, s.client)), newCache(t, options(db, s.connect(t)))
		run(t, a)
		ctx := t.Context()

		t.Run("by a late writer", func(t *testing.T) {
			a.Put(ctx, 1, row{"new", 5})
			a.Put(ctx, 1, row{"older", 4})
			b.Put(ctx, 1, row{"oldest", 3})
			wantRow(t, a, 1, row{"new", 5})
			wantRow(t, b, 1, row{"new", 5})
		})
		t.Run("by a slow reader", func(t *testing.T) {
			s.flush(t)
			resume := db.stop() // b reads "old", and is held up with it
			slow := make(chan row)
			go func() { slow <- get(t, b, 1) }()
			<-db.held
			a.Put(ctx, 1, db.commit(1, row{"newest", 9}))
			resume()
			// The reader began before the write; it may see either.
			if got := <-slow; got.Version != 9 {
				t.Errorf("the slow reader was not told of the newer version: %v", got)
			}
			wantRow(t, a, 1, row{"newest", 9})
			wantRow(t, b, 1, row{"newest", 9})
		})
		t.Run("beyond what a float can tell apart", func(t *testing.T) {
			const big = 1 << 60
			a.Put(ctx, 2, row{"newer by one", big + 1})
			b.Put(ctx, 2, row{"older", big})
			wantRow(t, b, 2, row{"newer by one", big + 1})
		})
	})
}

func TestDeletedRowStaysDeleted(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		db := newTable(row{"Ann", 3})
		a, b := newCache(t, options(db, s.client)), newCache(t, options(db, s.connect(t)))
		run(t, a)
		resume := db.stop()
		slow := make(chan struct{})
		go func() { get(t, b, 1); close(slow) }() // holds version 3 in its hands
		<-db.held
		db.remove(1)
		a.Delete(t.Context(), 1, 3)
		resume()
		<-slow
		for name, c := range map[string]*users{"writer": a, "other": b} {
			if r, ok, err := c.Get(t.Context(), 1); ok || err != nil {
				t.Errorf("%s reads %v, %v", name, r, err)
			}
		}
		b.Put(t.Context(), 1, row{"Ann again", 4})
		wantRow(t, b, 1, row{"Ann again", 4})
		eventually(t, "the new row is read", func() bool { return get(t, a, 1).Version == 4 })
	})
}

func TestMissingRowIsRememberedUntilItIsMade(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		db := newTable()
		a, b := newCache(t, options(db, s.client)), newCache(t, options(db, s.connect(t)))
		run(t, a)
		run(t, b)
		for range 3 {
			for _, c := range []*users{a, b} {
				if _, ok, err := c.Get(t.Context(), 1); ok || err != nil {
					t.Fatal(ok, err)
				}
			}
		}
		if n := db.readsOf(1); n != 1 {
			t.Errorf("the missing row was looked for %d times", n)
		}
		a.Put(t.Context(), 1, db.commit(1, row{"Ann", 1}))
		wantRow(t, a, 1, row{"Ann", 1})
		eventually(t, "the other instance sees the row", func() bool { return get(t, b, 1).Version == 1 })
	})
}

func TestMissingRowIsLookedForAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newTable()
		o := options(db, nil)
		o.SingleProcess, o.NegativeTTL = true, 3*time.Second
		c := newCache(t, o)
		get(t, c, 1)
		db.commit(1, row{"Ann", 1}) // by somebody who told no one
		time.Sleep(3*time.Second - 1)
		wantRow(t, c, 1, row{})
		time.Sleep(1)
		wantRow(t, c, 1, row{"Ann", 1})
	})
}

func TestEntriesOfThisProcessEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newTable(row{"Ann", 1})
		o := options(db, nil)
		o.SingleProcess, o.L1TTL = true, 5*time.Second
		c := newCache(t, o)
		wantRow(t, c, 1, row{"Ann", 1})
		db.commit(1, row{"Ann", 2})
		time.Sleep(5*time.Second - 1)
		wantRow(t, c, 1, row{"Ann", 1})
		time.Sleep(1)
		wantRow(t, c, 1, row{"Ann", 2})
	})
}

func TestChangeReachesOtherInstances(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		db := newTable(row{"Ann", 1}, row{"Bob", 1})
		a, b := newCache(t, options(db, s.client)), newCache(t, options(db, s.connect(t)))
		run(t, a)
		run(t, b)
		for _, c := range []*users{a, b} {
			get(t, c, 1)
			get(t, c, 2)
		}
		calls := db.calls.Load()
		for v := int64(2); v < 20; v++ {
			want := db.commit(1, row{"Ann", v})
			a.PutMany(t.Context(), map[int64]row{1: want, 2: {"Bob", 1}})
			wantRow(t, a, 1, want)
			eventually(t, "the other instance sees the change", func() bool { return get(t, b, 1) == want })
			a, b = b, a
		}
		if n := db.calls.Load() - calls; n != 0 {
			t.Errorf("a change cost %d reads of the table, want none", n)
		}
	})
}

func TestFlushCostsOnlyTime(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		db := newTable(row{"Ann", 1})
		a := newCache(t, options(db, s.client))
		b := newCache(t, options(db, s.connect(t))) // not run: it reads Redis each time
		run(t, a)
		wantRow(t, b, 1, row{"Ann", 1})
		a.Put(t.Context(), 1, db.commit(1, row{"Ann", 2}))
		s.flush(t)
		wantRow(t, a, 1, row{"Ann", 2})
		wantRow(t, b, 1, row{"Ann", 2})
		// Scripts are gone too when the server is new.
		if err := s.client.Do(t.Context(), s.client.B().ScriptFlush().Build()).Error(); err != nil {
			t.Fatal(err)
		}
		a.Put(t.Context(), 1, db.commit(1, row{"Ann", 3}))
		wantRow(t, b, 1, row{"Ann", 3})
	})
}

func TestWriterReadsItsWriteWhenRedisIsGone(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		db := newTable(row{"Ann", 1})
		o := options(db, s.client)
		o.Deadline = 50 * time.Millisecond
		a := newCache(t, o)
		o.Redis = s.connect(t)
		b := newCache(t, o)
		run(t, a)
		run(t, b)
		get(t, a, 1)
		get(t, b, 1)
		s.stop()
		// The broken connection shows at once, and with it that b hears nothing.
		eventually(t, "deaf", func() bool { return !a.Live() && !b.Live() })
		for v := int64(2); v < 50; v++ {
			want := db.commit(1, row{"Ann", v})
			a.Put(t.Context(), 1, want)
			wantRow(t, a, 1, want)
			wantRow(t, b, 1, want)
		}
	})
}

func TestHangingRedisIsSlowOnlyAtFirst(t *testing.T) {
	t.Parallel()
	s := startRedis(t, false)
	db := newTable(row{"Ann", 1})
	o := options(db, s.client)
	o.Deadline = 50 * time.Millisecond
	a := newCache(t, o)
	o.Redis = s.connect(t)
	b := newCache(t, o)
	run(t, a)
	run(t, b)
	get(t, a, 1)
	get(t, b, 1)
	thaw := s.freeze(t)

	// The first writes still go into a connection nobody reads, the later ones
	// are not tried.
	began := time.Now()
	var want row
	for v := int64(2); v < 10; v++ {
		want = db.commit(1, row{"Ann", v})
		a.Put(t.Context(), 1, want)
	}
	for range 1000 {
		wantRow(t, a, 1, want)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("8 writes and 1000 reads took %v", took)
	}
	eventually(t, "the other instance notices the silence", func() bool { return !b.Live() })
	if took := time.Since(began); took > 8*time.Second { // at ten the client gives the connection up
		t.Errorf("the silence was noticed after %v", took)
	}
	wantRow(t, b, 1, want)

	// Redis comes back with an old record. The writer knows, and repairs it.
	thaw()
	wantRow(t, a, 1, want)
	eventually(t, "Redis has the new record", func() bool {
		record, err := s.client.Do(t.Context(), s.client.B().Get().Key("douyin:{user}:1").Build()).ToString()
		return err == nil && strings.Contains(record, `"Version":9`)
	})
	eventually(t, "back in use", func() bool { return a.Live() && b.Live() })
	wantRow(t, a, 1, want)
	wantRow(t, b, 1, want)
}

func TestWhatWasNotHeardIsNotKept(t *testing.T) {
	t.Parallel()
	s := startRedis(t, false)
	db := newTable(row{"Ann", 1})
	a, b := newCache(t, options(db, s.client)), newCache(t, options(db, s.connect(t)))
	run(t, b)
	wantRow(t, b, 1, row{"Ann", 1})
	if err := s.client.Do(t.Context(), s.client.B().ClientKill().TypePubsub().Build()).Error(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "deaf", func() bool { return !b.Live() })
	a.Put(t.Context(), 1, db.commit(1, row{"Ann", 2}))
	eventually(t, "hears again", b.Live)
	wantRow(t, b, 1, row{"Ann", 2})
}

func TestLateWriterOfOneProcessDoesNotWin(t *testing.T) {
	t.Parallel()
	o := options(newTable(), nil)
	o.SingleProcess = true
	c := newCache(t, o)
	c.Put(t.Context(), 1, row{"new", 5})
	c.Put(t.Context(), 1, row{"old", 4})
	wantRow(t, c, 1, row{"new", 5})
	c.Delete(t.Context(), 1, 5)
	c.Put(t.Context(), 1, row{"new", 5})
	wantRow(t, c, 1, row{})
}

func TestRedisAwayNeverStampedesTheTable(t *testing.T) {
	t.Parallel()
	for name, client := range map[string]func(t *testing.T) rueidis.Client{
		"none": func(*testing.T) rueidis.Client { return nil },
		"dead": func(t *testing.T) rueidis.Client {
			s := startRedis(t, false)
			s.stop()
			return s.client
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := newTable(row{"Ann", 1})
			db.takes = time.Millisecond
			o := options(db, client(t))
			o.Deadline = 50 * time.Millisecond
			c := newCache(t, o)
			var readers sync.WaitGroup
			for range 50 {
				readers.Go(func() {
					for range 50 {
						wantRow(t, c, 1, row{"Ann", 1})
					}
				})
			}
			readers.Wait()
			if db.peak != 1 {
				t.Errorf("up to %d reads of one key at a time", db.peak)
			}
			if n := db.readsOf(1); n > 250 {
				t.Errorf("2500 reads were not shared: %d reads of the table", n)
			}
		})
	}
}

// Without Redis nobody tells an instance of a change made by another: so a
// reader must never get what was read before it asked.
func TestReaderNeverJoinsALoadThatBeganBeforeItAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newTable(row{"old", 1})
		db.held = make(chan struct{}, 10) // of this bubble
		c := newCache(t, options(db, nil))
		resume := db.stop()
		go get(t, c, 1)
		<-db.held
		db.commit(1, row{"new", 2}) // through another instance
		late := make(chan row, 2)
		for range 2 {
			go func() { late <- get(t, c, 1) }()
		}
		synctest.Wait()
		resume()
		for range 2 {
			if diff := cmp.Diff(row{"new", 2}, <-late); diff != "" {
				t.Errorf("late reader (-want +got):\n%s", diff)
			}
		}
		if n := db.readsOf(1); n != 2 || db.peak != 1 {
			t.Errorf("%d reads, %d at a time; want 2, one after the other", n, db.peak)
		}
	})
}

func TestWriteTakesALoadFromLaterReaders(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		db := newTable(row{"old", 1})
		c := newCache(t, options(db, s.client))
		run(t, c)
		resume := db.stop()
		early := make(chan struct{})
		go func() { get(t, c, 1); close(early) }()
		<-db.held
		c.Put(t.Context(), 1, db.commit(1, row{"new", 2}))
		wantRow(t, c, 1, row{"new", 2}) // does not wait for the load
		resume()
		<-early
		wantRow(t, c, 1, row{"new", 2})
	})
}

func TestFailedLoadFailsItsReadersAndIsNotKept(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		db := newTable(row{"Ann", 1})
		c := newCache(t, options(db, s.client))
		run(t, c)
		broken := errors.New("table is locked")
		db.fail(broken)
		if _, err := c.GetMany(t.Context(), []int64{1}); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		db.fail(nil)
		wantRow(t, c, 1, row{"Ann", 1})
	})
}

func TestPanicInLoadIsAnError(t *testing.T) {
	t.Parallel()
	o := options(newTable(), nil)
	o.Load = func(context.Context, []int64) (map[int64]row, error) { panic("bug") }
	if _, _, err := newCache(t, o).Get(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "bug") {
		t.Errorf("got %v", err)
	}
}

func TestImpatientReaderLeavesTheLoadToOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newTable(row{"Ann", 1})
		db.held = make(chan struct{}, 10) // of this bubble
		o := options(db, nil)
		o.SingleProcess = true
		c := newCache(t, o)
		resume := db.stop()
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error)
		go func() { _, _, err := c.Get(ctx, 1); left <- err }()
		<-db.held
		stayed := make(chan row)
		go func() { stayed <- get(t, c, 1) }()
		synctest.Wait()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		resume()
		if diff := cmp.Diff(row{"Ann", 1}, <-stayed); diff != "" {
			t.Errorf("row (-want +got):\n%s", diff)
		}
		if n := db.readsOf(1); n != 1 {
			t.Errorf("%d reads, want 1", n)
		}
	})
}

func TestUnreadableRecordIsLoadedAnew(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		db := newTable(row{"Ann", 7})
		for _, junk := range []string{"", "junk", "0000000000000000007v{not json", "0000000000000000007m"} {
			if err := s.client.Do(t.Context(), s.client.B().Set().Key("douyin:{user}:1").Value(junk).Build()).Error(); err != nil {
				t.Fatal(err)
			}
			wantRow(t, newCache(t, options(db, s.client)), 1, row{"Ann", 7})
		}
	})
}

// The flush takes away the record that would have refused the slow reader's.
func TestSlowReaderAndFlushTogetherLeaveNothingOld(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		db := newTable(row{"old", 1})
		a, b := newCache(t, options(db, s.client)), newCache(t, options(db, s.connect(t)))
		run(t, a)
		resume := db.stop()
		slow := make(chan struct{})
		go func() { get(t, a, 1); close(slow) }()
		<-db.held
		b.Put(t.Context(), 1, db.commit(1, row{"new", 2}))
		eventually(t, "the change was heard", func() bool { return a.Overtaken(1) })
		s.flush(t)
		resume()
		<-slow
		wantRow(t, a, 1, row{"new", 2})
		eventually(t, "Redis has nothing old", func() bool { return get(t, b, 1).Version == 2 })
	})
}

func TestValueThatCannotBeWrittenStillRefusesOlderOnes(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		db := newTable(row{"Ann", 1})
		o := options(db, s.client)
		marshal := o.Codec.Marshal
		o.Codec.Marshal = func(r row) ([]byte, error) {
			if r.Version == 2 {
				return nil, errors.New("cannot be written")
			}
			return marshal(r)
		}
		a, b := newCache(t, o), newCache(t, options(db, s.connect(t)))
		get(t, a, 1)
		a.Put(t.Context(), 1, db.commit(1, row{"Ann", 2}))
		wantRow(t, b, 1, row{"Ann", 2})
	})
}

func TestLifetimesInRedisDiffer(t *testing.T) {
	t.Parallel()
	s := startRedis(t, false)
	db := newTable()
	values := map[int64]row{}
	for k := range int64(300) { // more than one script takes
		values[k+1] = db.commit(k+1, row{"x", 1})
	}
	o := options(db, s.client)
	o.L2TTL = 1000 * time.Second
	newCache(t, o).PutMany(t.Context(), values)
	lifetimes := map[int64]bool{}
	for k := range values {
		ms, err := s.client.Do(t.Context(), s.client.B().Pttl().Key(fmt.Sprintf("douyin:{user}:%d", k)).Build()).AsInt64()
		if err != nil || ms < 880_000 || ms > 1_100_000 {
			t.Fatalf("key %d lives %d ms, %v", k, ms, err)
		}
		lifetimes[ms/1000] = true
	}
	if len(lifetimes) < 50 {
		t.Errorf("only %d different lifetimes", len(lifetimes))
	}
}

// pair is a key that is neither an integer nor a string.
type pair struct{ A, B int64 }

func TestKeysOfAnyKind(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		type name string
		checkKeys(t, s, []name{"a", "", "b:c", "d{e}", "\x00\xff", "世界"}, nil, nil)
		checkKeys(t, s, []int32{-1, 0, 1 << 30}, nil, nil)
		checkKeys(t, s, []pair{{1, 2}, {-3, 4}},
			func(p pair) string { return fmt.Sprintf("%d:%d", p.A, p.B) },
			func(s string) (p pair, err error) { _, err = fmt.Sscanf(s, "%d:%d", &p.A, &p.B); return p, err })
	})
	if _, err := cache.New(cache.Options[pair, row]{
		Name: "x", Version: func(row) int64 { return 1 },
		Load: func(context.Context, []pair) (map[pair]row, error) { return nil, nil },
	}); err == nil {
		t.Error("a key nobody can write was accepted")
	}
}

// checkKeys shows that an invalidation finds each key in another instance.
func checkKeys[K comparable](t *testing.T, s *server, keys []K, key func(K) string, parse func(string) (K, error)) {
	t.Helper()
	var mu sync.Mutex
	truth := map[K]row{}
	instance := func() *cache.Cache[K, row] {
		c, err := cache.New(cache.Options[K, row]{
			Name: fmt.Sprintf("of-%T", *new(K)), Redis: s.connect(t), Codec: cache.JSON[row](), Key: key, ParseKey: parse,
			Version: func(r row) int64 { return r.Version }, L1TTL: time.Minute, Deadline: 2 * time.Second,
			Load: func(_ context.Context, ks []K) (map[K]row, error) {
				mu.Lock()
				defer mu.Unlock()
				return maps.Clone(truth), nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		t.Cleanup(func() { cancel(); <-done })
		eventually(t, "first level in use", c.Live)
		return c
	}
	a, b := instance(), instance()
	for _, k := range keys {
		truth[k] = row{"one", 1}
	}
	if got, err := b.GetMany(t.Context(), keys); err != nil || len(got) != len(keys) {
		t.Fatalf("got %v, %v", got, err)
	}
	two := map[K]row{}
	for _, k := range keys {
		two[k] = row{"two", 2}
	}
	a.PutMany(t.Context(), two)
	eventually(t, "all keys changed", func() bool {
		got, err := b.GetMany(context.Background(), keys)
		return err == nil && !slices.ContainsFunc(keys, func(k K) bool { return got[k].Version != 2 })
	})
}

// Writers and readers of two instances at once: nobody goes back in time, and
// in the end all agree.
func TestNobodyGoesBackInTime(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		db := newTable(row{"x", 1}, row{"x", 1}, row{"x", 1})
		instances := []*users{newCache(t, options(db, s.client)), newCache(t, options(db, s.connect(t)))}
		for _, c := range instances {
			run(t, c)
		}
		var (
			version atomic.Int64
			writers sync.WaitGroup
			readers sync.WaitGroup
			stop    = make(chan struct{})
		)
		version.Store(1)
		for i, c := range instances {
			for k := range int64(3) {
				readers.Go(func() {
					var last int64
					for {
						select {
						case <-stop:
							return
						default:
						}
						got := get(t, c, k+1)
						if got.Version < last {
							t.Errorf("instance %d read version %d of key %d after %d", i, got.Version, k+1, last)
							return
						}
						last = got.Version
					}
				})
			}
			writers.Go(func() {
				for n := range 300 {
					k := int64(n%3) + 1
					db.mu.Lock()
					r := row{"x", version.Add(1)}
					db.rows[k] = r
					db.mu.Unlock()
					c.Put(context.Background(), k, r)
					if got := get(t, c, k); got.Version < r.Version {
						t.Errorf("wrote version %d of key %d and read %d", r.Version, k, got.Version)
					}
					if n == 150 && i == 0 {
						s.flush(t)
					}
				}
			})
		}
		writers.Wait()
		close(stop)
		readers.Wait()
		for k, want := range db.rows {
			for _, c := range instances {
				eventually(t, "all agree", func() bool { return get(t, c, k) == want })
			}
		}
	})
}

func BenchmarkGet30FromThisProcess(b *testing.B) {
	db := newTable()
	keys := make([]int64, 30)
	for i := range keys {
		keys[i] = int64(i + 1)
		db.commit(keys[i], row{"x", 1})
	}
	o := options(db, nil)
	o.SingleProcess = true
	c, err := cache.New(o)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := c.GetList(b.Context(), keys); err != nil {
		b.Fatal(err)
	}
	b.Run("many", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if got, err := c.GetMany(b.Context(), keys); err != nil || len(got) != 30 {
				b.Fatal(len(got), err)
			}
		}
	})
	b.Run("list", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if got, err := c.GetList(b.Context(), keys); err != nil || len(got) != 30 {
				b.Fatal(len(got), err)
			}
		}
	})
}
