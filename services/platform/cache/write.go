package cache

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"douyin.dev/services/platform/cache/guard"
)

const (
	// maxWrites bounds one script, which holds up all of Redis while it runs.
	maxWrites = 128
	// maxDirty bounds the lost writes that are remembered.
	maxDirty = 10_000
)

// write is a record on its way to Redis.
type write[K comparable] struct {
	key    K
	record string
	ttl    time.Duration
}

// lost is a write that Redis did not take.
type lost struct {
	record   string
	since    time.Duration
	readable bool // it only makes sure: Redis is nearly always right already
}

// Put tells all readers the value that was just committed. It never fails: what
// Redis does not take now it gets later, and until then this instance does not
// ask Redis for the key.
func (c *Cache[K, V]) Put(ctx context.Context, key K, value V) {
	c.publish(ctx, []K{key}, []entry[V]{{rank: c.rankOf(value), value: value}})
}

// PutMany is Put for several values.
func (c *Cache[K, V]) PutMany(ctx context.Context, values map[K]V) {
	if len(values) == 0 {
		return
	}
	keys, entries := make([]K, 0, len(values)), make([]entry[V], 0, len(values))
	for k, v := range values {
		keys, entries = append(keys, k), append(entries, entry[V]{rank: c.rankOf(v), value: v})
	}
	c.publish(ctx, keys, entries)
}

// Delete tells all readers that key was deleted at a version, which is at least
// that of the value it had. A value of this version or an older one is refused
// from now on; a row made anew must have a higher one.
func (c *Cache[K, V]) Delete(ctx context.Context, key K, version int64) {
	c.publish(ctx, []K{key}, []entry[V]{{rank: rank{version: max(version, 1), kind: deleted}}})
}

// publish tells Redis first and this process after that: what a reader saw here
// must still be there when it has to ask Redis the next time.
func (c *Cache[K, V]) publish(ctx context.Context, keys []K, entries []entry[V]) {
	c.mu.Lock()
	since := c.begin(keys)
	c.mu.Unlock()
	if c.o.Redis != nil {
		// The row is committed: the caller's leaving must not leave others behind.
		c.send(context.WithoutCancel(ctx), keys, entries)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, k := range keys {
		c.learn(k, entries[i].rank)
		if r, overtaken := c.settle(k, entries[i], since); overtaken {
			c.outdated(k, r, false)
		}
	}
	c.end(keys)
}

// send offers entries to Redis, and puts those in their place that Redis has of
// a higher rank.
func (c *Cache[K, V]) send(ctx context.Context, keys []K, entries []entry[V]) {
	writes := make([]write[K], 0, len(keys))
	for i, k := range keys {
		writes = append(writes, write[K]{key: k, record: c.encode(entries[i]), ttl: c.ttlOf(entries[i].kind)})
	}
	for part := range slices.Chunk(writes, maxWrites) {
		newer, err := c.store(ctx, part, true)
		if err != nil {
			c.lose(part)
		}
		for i, m := range newer {
			if e, ok := c.decode(m); ok { // another writer was ahead of us
				entries[i] = e
			}
		}
		entries = entries[len(part):]
	}
}

// lose remembers writes that Redis did not take.
func (c *Cache[K, V]) lose(writes []write[K]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	for _, w := range writes {
		old, known := c.dirty[w.key]
		switch {
		case known && old.record[:rankLength] > w.record[:rankLength]:
		case !known && len(c.dirty) >= maxDirty:
			c.distrust = now + c.o.L2TTL + c.o.L2TTL/10 // by then what is old has left Redis
		default:
			c.dirty[w.key] = lost{record: w.record, since: now}
		}
	}
}

// repair offers lost writes again, a few at a time.
func (c *Cache[K, V]) repair(ctx context.Context) {
	for {
		writes := c.lostWrites()
		if len(writes) == 0 {
			return
		}
		if _, err := c.store(ctx, writes, true); err != nil {
			return
		}
		c.found(writes)
	}
}

// lostWrites returns some of the dirty records, and forgets those that Redis
// cannot contradict any more because all it had then has expired.
func (c *Cache[K, V]) lostWrites() []write[K] {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	maps.DeleteFunc(c.dirty, func(_ K, l lost) bool { return now-l.since > c.o.L2TTL+c.o.L2TTL/10 })
	var writes []write[K]
	for k, l := range c.dirty {
		writes = append(writes, write[K]{key: k, record: l.record, ttl: c.ttlOf(kind(l.record[rankLength-1]))})
		if len(writes) == maxWrites {
			break
		}
	}
	return writes
}

// found forgets lost writes that Redis has taken, unless there is a newer one.
func (c *Cache[K, V]) found(writes []write[K]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range writes {
		if c.dirty[w.key].record == w.record {
			delete(c.dirty, w.key)
		}
	}
}

// storeScript writes records unless there is one of a higher rank, and tells
// the instances. Both happen at once: whoever reads the old record hears of the
// new one after that. ARGV: channel, message ("" for none), and for each key
// its record and milliseconds. Answers for each key the higher record, or "".
const storeScript = `
local newer = {}
for i, key in ipairs(KEYS) do
  local record, ttl = ARGV[2 * i + 1], ARGV[2 * i + 2]
  local old = redis.call('GET', key)
  if old and string.sub(old, 1, 20) > string.sub(record, 1, 20) then
    newer[i] = old
  else
    redis.call('SET', key, record, 'PX', ttl)
    newer[i] = ''
  end
end
if ARGV[2] ~= '' then redis.call('PUBLISH', ARGV[1], ARGV[2]) end
return newer`

// store runs the script for at most maxWrites records; fills may be more, and
// are cut into several.
func (c *Cache[K, V]) store(ctx context.Context, writes []write[K], tell bool) ([]rueidis.RedisMessage, error) {
	var newer []rueidis.RedisMessage
	for part := range slices.Chunk(writes, maxWrites) {
		keys, args, message := make([]string, 0, len(part)), make([]string, 2, 2+2*len(part)), []byte(nil)
		for _, w := range part {
			keys = append(keys, c.redisKey(w.key))
			args = append(args, w.record, strconv.FormatInt(w.ttl.Milliseconds(), 10))
			if tell {
				message = appendNotice(message, c.o.Key(w.key), w.record[:rankLength])
			}
		}
		args[0], args[1] = c.channel(), string(message)
		answer, err := guard.Do(ctx, c.guard, func(ctx context.Context) ([]rueidis.RedisMessage, error) {
			return c.script.Exec(ctx, c.o.Redis, keys, args).ToArray()
		})
		if err != nil {
			c.counts.failures.Add(1)
			return nil, err
		}
		newer = append(newer, answer...)
	}
	return newer, nil
}
