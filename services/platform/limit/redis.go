package limit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"douyin.dev/services/platform/cache/guard"
	"douyin.dev/services/platform/coalesce"
)

const (
	// takesAtOnce bounds one script, which holds up all of Redis while it runs.
	takesAtOnce = 128
	// waitDeadlines is for how many deadlines a caller waits for the script run that
	// asks for it. A Redis that is slow but keeps the deadline never opens the guard, so
	// this is what bounds the queue when more come than it answers.
	waitDeadlines = 2
)

// take is a token that a caller waits for.
type take struct {
	key  string
	rate Rate
}

// takeScript is the generic cell rate algorithm (ITU-T I.371): a key holds when
// its bucket will be full again, in microseconds of Redis's own clock. ARGV: for
// each key the microseconds for one token, and the burst. Answers for each key
// the microseconds to wait, 0 when the token was taken.
const takeScript = `
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local waits = {}
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local window = interval * burst
  local full = tonumber(redis.call('GET', key) or now)
  if full < now then full = now end
  if full > now + window then full = now + window end -- the clock went back
  local wait = full + interval - window - now
  if wait > 0 then
    waits[i] = wait
  else
    full = full + interval
    redis.call('SET', key, string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
    waits[i] = 0
  end
end
return waits`

// scriptOn returns how to run takeScript; nil without Redis.
func scriptOn(redis rueidis.Client) func(ctx context.Context, keys, args []string) ([]int64, error) {
	if redis == nil {
		return nil
	}
	script := rueidis.NewLuaScript(takeScript)
	return func(ctx context.Context, keys, args []string) ([]int64, error) {
		return script.Exec(ctx, redis, keys, args).AsIntSlice()
	}
}

// takeShared takes a token in Redis. Callers who come while Redis is asked for
// others are asked for together, next: a script run costs far more than a bucket.
func (l *Limiter) takeShared(ctx context.Context, key string, r Rate) (time.Duration, error) {
	if l.script == nil {
		return 0, guard.ErrOpen
	}
	if r.Burst < 1 {
		return r.interval(), nil
	}
	wait, err := l.takes.Do(ctx, take{key, r})
	if errors.Is(err, coalesce.ErrWaitTimeout) {
		err = fmt.Errorf("%w: %w", guard.ErrSlow, err)
	}
	return wait, err
}

// askFor answers how long each has to wait.
func (l *Limiter) askFor(ctx context.Context, takes []take) ([]time.Duration, error) {
	keys, args := make([]string, len(takes)), make([]string, 0, 2*len(takes))
	for i, t := range takes {
		keys[i] = t.key
		args = append(args, strconv.FormatInt(t.rate.interval().Microseconds(), 10), strconv.Itoa(t.rate.Burst))
	}
	micros, err := guard.Do(ctx, l.guard, func(ctx context.Context) ([]int64, error) {
		return l.script(ctx, keys, args)
	})
	if err != nil {
		return nil, err
	}
	waits := make([]time.Duration, len(micros))
	for i, n := range micros {
		waits[i] = time.Duration(n) * time.Microsecond
	}
	return waits, nil
}
