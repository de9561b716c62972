package limit

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"douyin.dev/services/platform/cache/guard"
)

const (
	// takesAtOnce bounds one script, which holds up all of Redis while it runs.
	takesAtOnce = 128
	// turns is for how many deadlines a caller waits for their turn. A Redis that is
	// slow but keeps the deadline never opens the guard, so this is what bounds the
	// queue when more come than it answers.
	turns = 2
)

// take is a token that somebody waits for.
type take struct {
	key   string
	rate  Rate
	trace context.Context // of the caller
	since time.Time
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
	t := &take{key: key, rate: r, trace: ctx, done: make(chan struct{})}
	l.mu.Lock()
	t.since = time.Now() // in here: the queue is in the order of since
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
//
// It also ends the wait of those whose turn does not come: between two looks, each
// of which the guard bounds, so nobody waits a deadline longer for that. A timer
// for each caller would be more exact, but it costs every caller, and a token that
// its caller has given up would have to be kept from Redis.
func (l *Limiter) ask() {
	for {
		late, takes := l.next()
		for _, t := range late {
			t.err = fmt.Errorf("%w: no turn within %v", guard.ErrSlow, l.patience)
			close(t.done)
		}
		if len(takes) == 0 {
			return
		}
		waits, err := l.askFor(takes)
		for i, t := range takes {
			if t.err = err; err == nil {
				t.wait = time.Duration(waits[i]) * time.Microsecond
			}
			close(t.done)
		}
	}
}

// next takes out of the queue those who waited too long, and those Redis is to be
// asked for. When there are none of the latter, nobody is asking any more.
func (l *Limiter) next() (late, takes []*take) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, now := 0, time.Now()
	for n < len(l.waiting) && now.Sub(l.waiting[n].since) >= l.patience {
		n++
	}
	late, l.waiting = l.waiting[:n:n], l.waiting[n:]
	n = min(len(l.waiting), takesAtOnce)
	takes, l.waiting = l.waiting[:n:n], l.waiting[n:]
	if n == 0 {
		l.waiting, l.asking = nil, false
	}
	return late, takes
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
		return l.script(ctx, keys, args)
	})
	if err == nil && len(waits) != len(takes) {
		err = errors.New("redis answered for another number of buckets")
	}
	return waits, err
}
