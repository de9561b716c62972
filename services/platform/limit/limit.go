package limit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/redis/rueidis"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"golang.org/x/time/rate"

	"douyin.dev/services/platform/cache/guard"
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
	// Deadline of a look into Redis; 0 for 20 ms.
	Deadline time.Duration
	// Meters gets douyin_limit_decisions; nil for none.
	Meters metric.MeterProvider
}

// Limiter is safe for concurrent use.
type Limiter struct {
	redis     rueidis.Client
	guard     *guard.Guard
	script    *rueidis.Lua
	local     *otter.Cache[string, *rate.Limiter]
	decisions metric.Int64Counter
}

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
	return &Limiter{redis: redis, guard: guard.New(c.Deadline), script: rueidis.NewLuaScript(takeScript), local: local, decisions: decisions}, nil
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
	outcome := "allowed"
	if wait > 0 {
		outcome = "refused"
	}
	l.decisions.Add(ctx, 1, metric.WithAttributes(
		attribute.String("bucket", bucket), attribute.String("outcome", outcome), attribute.String("by", by)))
	return wait == 0, wait
}

// name is one bucket's key. All have one hash tag, as every family of keys.
func name(bucket, key string) string {
	if len(key) > maxKey {
		sum := sha256.Sum256([]byte(key))
		key = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return "{douyin:limit}:" + bucket + ":" + key
}

// takeScript is the generic cell rate algorithm (ITU-T I.371): the key holds
// when the bucket will be full again, in microseconds of Redis's own clock.
// ARGV: microseconds for one token, burst. Answers the microseconds to wait, 0
// when the token was taken.
const takeScript = `
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local window = interval * burst
local full = tonumber(redis.call('GET', KEYS[1]) or now)
if full < now then full = now end
if full > now + window then full = now + window end -- the clock went back
local wait = full + interval - window - now
if wait > 0 then return wait end
full = full + interval
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
return 0`

func (l *Limiter) takeShared(ctx context.Context, key string, r Rate) (time.Duration, error) {
	if l.redis == nil {
		return 0, guard.ErrOpen
	}
	if r.Burst < 1 {
		return r.interval(), nil
	}
	args := []string{strconv.FormatInt(r.interval().Microseconds(), 10), strconv.Itoa(r.Burst)}
	micros, err := guard.Do(ctx, l.guard, func(ctx context.Context) (int64, error) {
		return l.script.Exec(ctx, l.redis, []string{key}, args).AsInt64()
	})
	return time.Duration(micros) * time.Microsecond, err
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
