package limit_test

import (
	"context"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"douyin.dev/services/platform/embedded/redis"
	"douyin.dev/services/platform/limit"
)

func startRedis(t *testing.T, inProcess bool) (client rueidis.Client, stop func()) {
	t.Helper()
	srv, err := redis.Start(t.Context(), redis.Options{Dir: t.TempDir(), InProcess: inProcess, Open: true})
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		if err := srv.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	client, err = rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{srv.Addr()}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client, stop
}

func newLimiter(t *testing.T, client rueidis.Client, c limit.Config) *limit.Limiter {
	t.Helper()
	l, err := limit.New(client, c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// each runs a test with every way to count, and checks that it counted that way.
// The deadline is long, so that a busy machine changes nothing.
func each(t *testing.T, test func(t *testing.T, l *limit.Limiter)) {
	t.Parallel()
	for name, client := range map[string]func(t *testing.T) rueidis.Client{
		"redis-server": func(t *testing.T) rueidis.Client { c, _ := startRedis(t, false); return c },
		"in process":   func(t *testing.T) rueidis.Client { c, _ := startRedis(t, true); return c },
		"local":        func(*testing.T) rueidis.Client { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reader := sdkmetric.NewManualReader()
			redis := client(t)
			test(t, newLimiter(t, redis, limit.Config{
				Deadline: 10 * time.Second,
				Meters:   sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
			}))
			for by, n := range decisions(t, reader) {
				if (by == "redis") != (redis != nil) {
					t.Errorf("%d decisions made by %s: the test did not test what it says", n, by)
				}
			}
		})
	}
}

// decisions counts by who made them.
func decisions(t *testing.T, reader sdkmetric.Reader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	out := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
				by, _ := p.Attributes.Value(attribute.Key("by"))
				out[by.AsString()] += p.Value
			}
		}
	}
	return out
}

// rare gives one token in ten seconds: none comes back while a test counts.
func rare(burst int) limit.Rate { return limit.Rate{Burst: burst, PerSecond: 0.1} }

func TestBurstIsExact(t *testing.T) {
	each(t, func(t *testing.T, l *limit.Limiter) {
		for _, n := range []int{1, 2, 20} {
			key := strings.Repeat("k", n)
			for i := 1; i <= n+1; i++ {
				ok, wait := l.Allow(t.Context(), "like", key, rare(n))
				if want := i <= n; ok != want {
					t.Errorf("burst of %d: number %d allowed %v", n, i, ok)
				}
				if !ok && (wait <= 8*time.Second || wait > 10*time.Second) {
					t.Errorf("burst of %d: wait %v, want a little under 10 s", n, wait)
				}
				if ok && wait != 0 {
					t.Errorf("allowed, and wait %v", wait)
				}
			}
		}
	})
}

func TestTokensComeBackAtTheRate(t *testing.T) {
	each(t, func(t *testing.T, l *limit.Limiter) {
		brisk := limit.Rate{Burst: 1, PerSecond: 5}
		began := time.Now()
		allowed := 0
		for allowed < 4 {
			ok, wait := l.Allow(t.Context(), "like", "k", brisk)
			if ok {
				allowed++
				continue
			}
			if wait <= 0 || wait > time.Second/5 {
				t.Fatalf("wait %v for a token that comes every 200 ms", wait)
			}
			timer := time.NewTimer(wait) // what a polite client does
			<-timer.C
			if ok, again := l.Allow(t.Context(), "like", "k", brisk); !ok {
				t.Fatalf("refused after the wait it was told, for another %v", again)
			}
			allowed++
		}
		// The bounds know the time that went by, so a slow machine is no failure.
		if most := 1 + int(time.Since(began).Seconds()*brisk.PerSecond); allowed > most {
			t.Errorf("%d allowed in %v, want at most %d", allowed, time.Since(began), most)
		}
	})
}

func TestBucketsAndKeysAreApart(t *testing.T) {
	each(t, func(t *testing.T, l *limit.Limiter) {
		long := strings.Repeat("x", 5000)
		for _, who := range [][2]string{{"like", "1"}, {"like", "2"}, {"login", "1"}, {"like", long + "1"}, {"like", long + "2"}} {
			if ok, _ := l.Allow(t.Context(), who[0], who[1], rare(1)); !ok {
				t.Errorf("%.20q met the bucket of another", who)
			}
			if ok, _ := l.Allow(t.Context(), who[0], who[1], rare(1)); ok {
				t.Errorf("%.20q has two buckets", who)
			}
		}
	})
}

func TestConcurrentCallersShareTheBurst(t *testing.T) {
	each(t, func(t *testing.T, l *limit.Limiter) {
		const burst, callers = 20, 50
		answers := make(chan bool, callers)
		// The first call connects and loads the script, so that none is slow.
		l.Allow(t.Context(), "like", "other", rare(1))
		for range callers {
			go func() {
				ok, _ := l.Allow(t.Context(), "like", "k", rare(burst))
				answers <- ok
			}()
		}
		allowed := 0
		for range callers {
			if <-answers {
				allowed++
			}
		}
		if allowed != burst {
			t.Errorf("%d allowed, want %d", allowed, burst)
		}
	})
}

func TestNothingIsAllowedWithoutABurst(t *testing.T) {
	each(t, func(t *testing.T, l *limit.Limiter) {
		if ok, wait := l.Allow(t.Context(), "like", "k", limit.Rate{}); ok || wait <= 0 {
			t.Errorf("allowed %v, wait %v", ok, wait)
		}
	})
}

func TestInstancesShareABucket(t *testing.T) {
	t.Parallel()
	client, _ := startRedis(t, false)
	patient := limit.Config{Deadline: 10 * time.Second}
	a, b := newLimiter(t, client, patient), newLimiter(t, client, patient)
	if ok, _ := a.Allow(t.Context(), "like", "k", rare(1)); !ok {
		t.Error("first refused")
	}
	if ok, _ := b.Allow(t.Context(), "like", "k", rare(1)); ok {
		t.Error("the other instance counts for itself")
	}
}

func TestBucketsLeaveRedisWhenTheyAreFull(t *testing.T) {
	t.Parallel()
	client, _ := startRedis(t, false)
	l := newLimiter(t, client, limit.Config{Deadline: 10 * time.Second})
	l.Allow(t.Context(), "like", "k", limit.Rate{Burst: 3, PerSecond: 2})
	left, err := client.Do(t.Context(), client.B().Pttl().Key("{douyin:limit}:like:k").Build()).AsInt64()
	if err != nil || left <= 0 || left > 500 {
		t.Errorf("key lives %d ms, %v; want the 500 ms until the bucket is full", left, err)
	}
}

func TestDeadRedisLimitsLocally(t *testing.T) {
	t.Parallel()
	client, stop := startRedis(t, false)
	l := newLimiter(t, client, limit.Config{})
	// Another key: on a busy machine Redis is too slow for the first look, and then it is counted here.
	if ok, _ := l.Allow(t.Context(), "like", "other", rare(2)); !ok {
		t.Fatal("refused while Redis works")
	}
	stop()
	began := time.Now()
	allowed := 0
	for range 1000 {
		if ok, _ := l.Allow(t.Context(), "like", "k", rare(2)); ok {
			allowed++
		}
	}
	if allowed != 2 {
		t.Errorf("%d allowed, want the local burst of 2", allowed)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("1000 calls took %v: a dead Redis must cost nothing", took)
	}
}

// A stopped process accepts connections and never answers: the worst kind of dead.
func TestHangingRedisCostsThreeDeadlines(t *testing.T) {
	t.Parallel()
	client, _ := startRedis(t, false)
	l := newLimiter(t, client, limit.Config{})
	info, err := client.Do(t.Context(), client.B().Info().Section("server").Build()).ToString()
	if err != nil {
		t.Fatal(err)
	}
	freeze(t, info)
	began := time.Now()
	for range 1000 {
		l.Allow(t.Context(), "like", "k", rare(2))
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("1000 calls took %v", took)
	}
}

// freeze stops the server's process until the test ends.
func freeze(t *testing.T, info string) {
	t.Helper()
	pid := 0
	for line := range strings.Lines(info) {
		if digits, ok := strings.CutPrefix(strings.TrimSpace(line), "process_id:"); ok {
			for _, d := range digits {
				pid = pid*10 + int(d-'0')
			}
		}
	}
	if pid <= 1 {
		t.Fatalf("no process id in %q", info)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
}

func BenchmarkLocal(b *testing.B) {
	l, err := limit.New(nil, limit.Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Allow(b.Context(), "like", "42", limit.Rate{Burst: 20, PerSecond: 2})
	}
}
