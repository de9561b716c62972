package limit

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"douyin.dev/services/platform/cache/guard"
)

// takesAtOnce bounds one script, which holds up all of Redis while it runs.
const takesAtOnce = 128

// take is a token that somebody waits for.
type take struct {
	key   string
	rate  Rate
	trace context.Context // of the caller
	done  chan struct{}
	// Read after done.
	wait time.Duration
	err  error
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

// takeShared takes a token in Redis. Callers who come while Redis is asked for
// others are asked for together, next: a script run costs far more than a bucket.
func (l *Limiter) takeShared(ctx context.Context, key string, r Rate) (time.Duration, error) {
	if l.redis == nil {
		return 0, guard.ErrOpen
	}
	if r.Burst < 1 {
		return r.interval(), nil
	}
	t := &take{key: key, rate: r, trace: ctx, done: make(chan struct{})}
	l.mu.Lock()
	l.waiting = append(l.waiting, t)
	start := !l.asking
	l.asking = true
	l.mu.Unlock()
	if start {
		go l.ask()
	}
	select {
	case <-t.done:
		return t.wait, t.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// ask asks Redis until nobody waits.
func (l *Limiter) ask() {
	for {
		l.mu.Lock()
		n := min(len(l.waiting), takesAtOnce)
		takes := l.waiting[:n:n]
		if l.waiting = l.waiting[n:]; n == 0 {
			l.waiting, l.asking = nil, false
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		waits, err := l.askFor(takes)
		for i, t := range takes {
			if t.err = err; err == nil {
				t.wait = time.Duration(waits[i]) * time.Microsecond
			}
			close(t.done)
		}
	}
}

// askFor answers the microseconds each has to wait. Its span belongs to the
// first one's trace.
func (l *Limiter) askFor(takes []*take) (waits []int64, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	keys, args := make([]string, len(takes)), make([]string, 0, 2*len(takes))
	for i, t := range takes {
		keys[i] = t.key
		args = append(args, strconv.FormatInt(t.rate.interval().Microseconds(), 10), strconv.Itoa(t.rate.Burst))
	}
	waits, err = guard.Do(context.WithoutCancel(takes[0].trace), l.guard, func(ctx context.Context) ([]int64, error) {
		return l.script.Exec(ctx, l.redis, keys, args).AsIntSlice()
	})
	if err == nil && len(waits) != len(takes) {
		err = errors.New("redis answered for another number of buckets")
	}
	return waits, err
}
