package limit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/redis/rueidis"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"golang.org/x/time/rate"

	"douyin.dev/services/platform/cache/guard"
	"douyin.dev/services/platform/coalesce"
)

const (
	// defaultDeadline of a look into Redis.
	defaultDeadline = 20 * time.Millisecond
	// maxKey bounds a key in Redis, in bytes; a longer one is hashed. Keys may
	// come from clients, for example the name of a login attempt.
	maxKey = 64
	// slowest is the longest time for one token.
	slowest = time.Hour
)

// Rate is what a bucket allows.
type Rate struct {
	// Burst is how many a full bucket allows at once. Below 1 nothing is allowed.
	Burst int
	// PerSecond is how many tokens come back; at least one in an hour.
	PerSecond float64
}

// interval is the time for one token, in whole microseconds: Redis then counts
// without rounding.
func (r Rate) interval() time.Duration {
	seconds := 1 / r.PerSecond
	if r.PerSecond <= 0 || seconds > slowest.Seconds() {
		return slowest
	}
	return max(time.Duration(seconds*1e6+0.999)*time.Microsecond, time.Microsecond)
}

// Config says how a Limiter works. The zero value is usable.
type Config struct {
	// Local bounds the buckets counted here while Redis is away; 0 for 20,000.
	Local int
	// Deadline of a look into Redis; 0 for 20 ms. A caller waits for the look that
	// is under way and their own, and three times the deadline at most, however
	// many wait.
	Deadline time.Duration
	// Meters gets douyin_limit_decisions; nil for none.
	Meters metric.MeterProvider
}

// Limiter is safe for concurrent use.
type Limiter struct {
	// script runs takeScript; nil without Redis.
	script    func(ctx context.Context, keys, args []string) ([]int64, error)
	guard     *guard.Guard
	takes     *coalesce.Batch[take, time.Duration]
	local     *otter.Cache[string, *rate.Limiter]
	decisions metric.Int64Counter

	mu sync.Mutex
	// outcomes are the attributes of decisions: few, and costly to make.
	outcomes map[outcome]metric.AddOption
}

// outcome is what is counted of a decision.
type outcome struct{ bucket, outcome, by string }

// New returns a limiter. A nil client makes it count in this process only.
func New(redis rueidis.Client, c Config) (*Limiter, error) {
	if c.Local <= 0 {
		c.Local = 20_000
	}
	if c.Deadline <= 0 {
		c.Deadline = defaultDeadline
	}
	if c.Meters == nil {
		c.Meters = noop.NewMeterProvider()
	}
	local, err := otter.New(&otter.Options[string, *rate.Limiter]{MaximumSize: c.Local})
	if err != nil {
		return nil, fmt.Errorf("local buckets: %w", err)
	}
	decisions, err := c.Meters.Meter("douyin.dev/limit").Int64Counter("douyin_limit_decisions",
		metric.WithDescription("Actions asked about, by bucket, outcome and who counted."))
	if err != nil {
		return nil, fmt.Errorf("limit metrics: %w", err)
	}
	l := &Limiter{
		script: scriptOn(redis), guard: guard.New(c.Deadline), local: local, decisions: decisions,
		outcomes: map[outcome]metric.AddOption{},
	}
	l.takes = coalesce.NewBatch(coalesce.BatchConfig[take, time.Duration]{
		Run: l.askFor, Max: takesAtOnce, WaitTimeout: waitDeadlines * c.Deadline,
		FailsAlike: func(error) bool { return true }, // a script fails for all of its keys
	})
	return l, nil
}

// Allow takes a token from key's bucket. When there is none it says how long
// until the next, and nothing is taken. It never fails.
func (l *Limiter) Allow(ctx context.Context, bucket, key string, r Rate) (ok bool, retryAfter time.Duration) {
	key = name(bucket, key)
	by := "redis"
	wait, err := l.takeShared(ctx, key, r)
	if err != nil {
		// Counted in the metric, and not logged for each request.
		by, wait = "local", l.takeLocal(key, r)
	}
	decided := outcome{bucket, "allowed", by}
	if wait > 0 {
		decided.outcome = "refused"
	}
	l.decisions.Add(ctx, 1, l.attributes(decided))
	return wait == 0, wait
}

func (l *Limiter) attributes(o outcome) metric.AddOption {
	l.mu.Lock()
	defer l.mu.Unlock()
	made, ok := l.outcomes[o]
	if !ok {
		made = metric.WithAttributeSet(attribute.NewSet(
			attribute.String("bucket", o.bucket), attribute.String("outcome", o.outcome), attribute.String("by", o.by)))
		l.outcomes[o] = made
	}
	return made
}

// name is one bucket's key. All have one hash tag, as every family of keys.
func name(bucket, key string) string {
	if len(key) > maxKey {
		sum := sha256.Sum256([]byte(key))
		key = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return "{douyin:limit}:" + bucket + ":" + key
}

// takeLocal counts in this process. A bucket that has been pushed out of the
// cache begins full again.
func (l *Limiter) takeLocal(key string, r Rate) time.Duration {
	if r.Burst < 1 {
		return r.interval()
	}
	perSecond := rate.Every(r.interval())
	bucket, _ := l.local.ComputeIfAbsent(key, func() (*rate.Limiter, bool) {
		return rate.NewLimiter(perSecond, r.Burst), false
	})
	now := time.Now()
	taken := bucket.ReserveN(now, 1)
	wait := taken.DelayFrom(now)
	if wait > 0 {
		taken.CancelAt(now)
	}
	return wait
}
