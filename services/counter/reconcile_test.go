package counter

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/rueidis"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	counterv1 "douyin.dev/gen/douyin/counter/v1"
	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/services/platform/pg"
)

// audit is a reconciler of a world and what it reports.
type audit struct {
	*Reconciler
	reader *sdkmetric.ManualReader
}

func newAudit(t *testing.T, db *pg.DB, w *world, redis rueidis.Client) *audit {
	t.Helper()
	a := &audit{reader: sdkmetric.NewManualReader()}
	r, err := NewReconciler(ReconcilerDeps{
		DB: db, Counts: newCounts(t, db, redis), Owners: w.owners(), Progress: w, Log: slog.New(slog.DiscardHandler),
		Meters: sdkmetric.NewMeterProvider(sdkmetric.WithReader(a.reader)),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.slice = 3 // several slices, with ends of the two sides in all places
	a.Reconciler = r
	return a
}

func (a *audit) pass(t *testing.T) {
	t.Helper()
	if err := a.Pass(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
}

// found returns the drift reported so far, by kind.
func (a *audit) found(t *testing.T) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := a.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	found := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			for _, point := range m.Data.(metricdata.Sum[int64]).DataPoints {
				kind, _ := point.Attributes.Value("kind")
				found[m.Name+" "+kind.AsString()] = point.Value
			}
		}
	}
	return found
}

func exec(t *testing.T, db *pg.DB, sql string) {
	t.Helper()
	if _, err := db.RW().Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// settle announces and applies all there is.
func (w *world) settle(t *testing.T, worker *Applier) {
	t.Helper()
	w.relay(len(w.outbox))
	for p, messages := range w.partitions {
		if err := w.deliver(t.Context(), worker, p, len(messages)); err != nil {
			t.Fatal(err)
		}
	}
}

// wantExact compares both tables with what is there. Rows of zeros are as good as none.
func wantExact(t *testing.T, b *bundle, w *world) {
	t.Helper()
	wantVideos, wantUsers := w.truth()
	videos, users := b.rows(t)
	for id := range int64(manyVideos) {
		fill(videos, map[int64]videoCount{id + 1: {VideoID: id + 1}})
		fill(wantVideos, map[int64]videoCount{id + 1: {VideoID: id + 1}})
	}
	for id := range int64(manyUsers) {
		fill(users, map[int64]userCount{id + 1: {UserID: id + 1}})
		fill(wantUsers, map[int64]userCount{id + 1: {UserID: id + 1}})
	}
	ignore := cmp.Options{cmpopts.IgnoreFields(videoCount{}, "Version", "ViewUpdates"), cmpopts.IgnoreFields(userCount{}, "Version")}
	if diff := cmp.Diff(wantVideos, videos, ignore); diff != "" {
		t.Error("videos (-want +got)", diff)
	}
	if diff := cmp.Diff(wantUsers, users, ignore); diff != "" {
		t.Error("users (-want +got)", diff)
	}
}

// Drift of every kind is found, reported and repaired, in Postgres and in the
// cache of a reader elsewhere: counts too high, too low, lost and made up.
func TestPlantedDriftIsFoundReportedAndRepaired(t *testing.T) {
	b, w := setup(t), newWorld(t, 1)
	w.mu.Lock()
	for user := range int64(4) {
		w.like(user+1, 5, true)
	}
	w.like(1, 7, true)
	w.mu.Unlock()
	worker := newApplier(t, b.db, redisClient(t))
	w.settle(t, worker)
	exec(t, b.db, `UPDATE video_count SET favorites = favorites + 3, comments = 2 WHERE video_id = 5`)
	exec(t, b.db, `UPDATE user_count SET followers = 1, works = 4, following = 2 WHERE user_id = 2`)
	exec(t, b.db, `UPDATE user_count SET favorites = favorites - 1 WHERE user_id = 3`)
	exec(t, b.db, `DELETE FROM video_count WHERE video_id = 7`)
	exec(t, b.db, `INSERT INTO user_count VALUES (77, 0, 0, 9, 0, 0, 5)`)
	reader := New(newCounts(t, b.db, redisClient(t)))
	run(t, reader.counts)
	a := newAudit(t, b.db, w, redisClient(t))
	read := func() *counterv1.UserCounts {
		res, err := reader.BatchGetUserCounts(t.Context(), &counterv1.BatchGetUserCountsRequest{UserIds: []int64{77}})
		if err != nil {
			t.Fatal(err)
		}
		return res.GetCounts()[0]
	}
	if got := read().GetTotalFavorited(); got != 9 {
		t.Fatalf("the drift is not in the cache: %d", got)
	}

	a.pass(t)
	exec(t, b.db, `DELETE FROM user_count WHERE user_id = 77 AND favorited = 0`) // not of the world's users
	wantExact(t, b, w)
	eventually(t, "the reader sees the repair", func() bool { return read().GetTotalFavorited() == 0 })
	want := map[string]int64{
		"douyin_counter_drift video_favorites": 2, "douyin_counter_drift video_comments": 1,
		"douyin_counter_drift user_following": 1, "douyin_counter_drift user_followers": 1, "douyin_counter_drift user_works": 1,
		"douyin_counter_drift user_favorites": 1, "douyin_counter_drift user_favorited": 1,
	}
	if diff := cmp.Diff(want, a.found(t)); diff != "" {
		t.Error("reported (-want +got)", diff)
	}
}

// Views have no rows: a recount leaves them as they are, and a video that is
// watched at every moment is recounted all the same.
func TestViewsNeitherDriftNorKeepFromRepair(t *testing.T) {
	b, w := setup(t), newWorld(t, 1)
	w.mu.Lock()
	w.like(1, 5, true)
	w.mu.Unlock()
	worker := newApplier(t, b.db, nil)
	w.settle(t, worker)
	viewed := 0
	view := func() {
		viewed++
		b.mustApply(t, messagesOf(t, fmt.Sprintf("view-%d", viewed), &interactionv1.VideosViewed{Views: []*interactionv1.View{{VideoId: 5}, {VideoId: 6}}}))
	}
	view()
	exec(t, b.db, `UPDATE video_count SET favorites = 9 WHERE video_id = 5`)
	a := newAudit(t, b.db, w, nil)
	a.progress = progressFunc(func() { view() }) // between the count and the repair
	a.pass(t)
	videos, _ := b.rows(t)
	if got := videos[5]; got.Favorites != 1 || got.Views != int64(viewed) || viewed < 2 {
		t.Errorf("after %d views and a repair: %+v", viewed, got)
	}
	if got := videos[6]; got.Views != int64(viewed) {
		t.Errorf("a video with views alone: %+v", got)
	}
	if diff := cmp.Diff(map[string]int64{"douyin_counter_drift video_favorites": 1}, a.found(t)); diff != "" {
		t.Error("reported (-want +got)", diff)
	}
}

// progressFunc is a worker that is never behind, and what happens while it is waited for.
type progressFunc func()

func (f progressFunc) Drained(context.Context, string, ...string) error {
	f()
	return nil
}

// What is right is not written: not while events wait at any of their stations,
// and not at rest.
func TestNothingIsWrittenWithoutDrift(t *testing.T) {
	b, w := setup(t), newWorld(t, 3)
	a := newAudit(t, b.db, w, nil)
	for range 200 {
		w.change()
	}
	w.relay(100)
	unchanged := func(station string, act func()) {
		t.Helper()
		videos, users := b.rows(t)
		act()
		videosAfter, usersAfter := b.rows(t)
		if diff := cmp.Diff(videos, videosAfter) + cmp.Diff(users, usersAfter); diff != "" {
			t.Errorf("%s: %s", station, diff)
		}
	}
	unchanged("some announced, none applied", func() {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // nobody applies them: the reconciler would wait for ever
		_ = a.Pass(ctx, 0)
	})
	w.settle(t, b.Applier)
	unchanged("at rest", func() { a.pass(t) })
	w.change()
	unchanged("one not announced", func() { a.pass(t) })
	if found := a.found(t); len(found) != 0 {
		t.Errorf("reported %v", found)
	}
}

// busy lets everything happen at once: changes, the relay, workers, the
// reconciler, and what the caller adds. It returns when the reconciler has come
// through several times and all is settled.
func busy(t *testing.T, b *bundle, w *world, a *audit, changes int, meanwhile func(*rand.Rand)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var changing, others sync.WaitGroup
	var passes atomic.Int64
	for i := range 2 {
		changing.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 9))
			for n := 0; (n < changes || passes.Load() < 3) && !t.Failed(); n++ {
				w.awaitRoom()
				w.change()
				meanwhile(random)
			}
		})
	}
	loop := func(step func(*rand.Rand)) {
		others.Go(func() {
			random := rand.New(rand.NewPCG(11, 13))
			for ctx.Err() == nil {
				step(random)
				time.Sleep(time.Millisecond) // leave the processor to the others
			}
		})
	}
	loop(func(random *rand.Rand) { w.relay(1 + random.IntN(5)) })
	for _, topic := range []string{"like", "follow", "comment", "video"} {
		for _, p := range []string{topic + "/0", topic + "/1"} {
			loop(func(random *rand.Rand) {
				if err := w.deliver(ctx, b.Applier, p, 1+random.IntN(8)); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			})
		}
	}
	others.Go(func() {
		for ctx.Err() == nil {
			if err := a.Pass(ctx, 0); err == nil {
				passes.Add(1)
			}
		}
	})
	changing.Wait()
	stop()
	others.Wait()
	w.settle(t, b.Applier)
}

// Without drift the reconciler repairs nothing, however much is under way.
func TestEventsUnderWayAreNoDrift(t *testing.T) {
	b, w := setup(t), newWorld(t, 5)
	a := newAudit(t, b.db, w, nil)
	busy(t, b, w, a, 100, func(*rand.Rand) {})
	if found := a.found(t); len(found) != 0 {
		t.Errorf("repaired what was no drift: %v", found)
	}
	wantExact(t, b, w)
}

// With drift planted while likes come and go, all counts end exact.
func TestDriftIsRepairedUnderLoad(t *testing.T) {
	b, w := setup(t), newWorld(t, 6)
	a := newAudit(t, b.db, w, nil)
	busy(t, b, w, a, 100, func(random *rand.Rand) {
		switch random.IntN(40) {
		case 0:
			exec(t, b.db, `UPDATE video_count SET favorites = favorites + 5 WHERE video_id = 5`)
		case 1:
			exec(t, b.db, `UPDATE user_count SET followers = followers + 1, favorited = favorited + 2 WHERE user_id = 3`)
		}
	})
	a.pass(t)
	wantExact(t, b, w)
	if len(a.found(t)) == 0 {
		t.Error("no drift was reported")
	}
}

// Of several processes one looks, and when it is done another may.
func TestOneProcessReconcilesAtATime(t *testing.T) {
	b, w := setup(t), newWorld(t, 7)
	first, second := newAudit(t, b.db, w, nil), newAudit(t, b.db, w, nil)
	ran := 0
	count := func(context.Context) error { ran++; return nil }
	err := first.alone(t.Context(), func(ctx context.Context) error { return second.alone(ctx, count) })
	if err != nil || ran != 0 {
		t.Errorf("the second ran %d times while the first was at work, %v", ran, err)
	}
	if err := second.alone(t.Context(), count); err != nil || ran != 1 {
		t.Errorf("the second ran %d times afterwards, %v", ran, err)
	}
}
