package cache

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/redis/rueidis"

	"douyin.dev/services/platform/cache/guard"
)

// loadTimeout bounds a load: nobody waits longer, whatever their deadline.
const loadTimeout = 10 * time.Second

// flight is one load for all who want its keys at the same time.
type flight[K comparable, V any] struct {
	keys  []K
	after []<-chan struct{} // loads of some of these keys that are under way
	done  chan struct{}
	got   map[K]entry[V] // read after done
	err   error          // read after done

	// These belong to Cache.mu.
	since moment
	skip  map[K]struct{} // Redis is known to be behind: not to be read there
}

// join returns the flight of each key, and starts one for those that have none.
func (c *Cache[K, V]) join(ctx context.Context, keys []K) []*flight[K, V] {
	flights := make([]*flight[K, V], len(keys))
	var mine *flight[K, V]
	c.mu.Lock()
	for i, k := range keys {
		f := c.open[k]
		if f == nil {
			if mine == nil {
				mine = &flight[K, V]{done: make(chan struct{})}
			}
			if before := c.running[k]; before != nil {
				mine.after = append(mine.after, before.done)
			}
			mine.keys = append(mine.keys, k)
			c.open[k] = mine
			f = mine
		}
		flights[i] = f
	}
	c.mu.Unlock()
	if mine != nil {
		go c.fly(context.WithoutCancel(ctx), mine)
	}
	return flights
}

// fly is the life of a flight.
func (c *Cache[K, V]) fly(ctx context.Context, f *flight[K, V]) {
	for _, done := range f.after {
		<-done
	}
	c.depart(f)
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	got, err := c.load(ctx, f)
	c.land(f, got, err)
}

// depart closes a flight for joining when nobody would tell it of a change:
// whoever comes later may have written meanwhile, and must not get what was
// read before. They gather for the next flight, which starts when this one has
// landed, so a key is loaded once at a time. A flight that would be told stays
// open: the change itself takes it away from later readers.
func (c *Cache[K, V]) depart(f *flight[K, V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.since = c.begin(f.keys)
	f.skip = map[K]struct{}{}
	for _, k := range f.keys {
		if l, ok := c.dirty[k]; ok && !l.readable || c.now() < c.distrust {
			f.skip[k] = struct{}{}
		}
		if !f.since.live {
			if c.open[k] == f {
				delete(c.open, k)
			}
			c.running[k] = f
		}
	}
}

// land hands out what was loaded, and keeps what did not change meanwhile.
func (c *Cache[K, V]) land(f *flight[K, V], got map[K]entry[V], err error) {
	c.mu.Lock()
	for _, k := range f.keys {
		if c.open[k] == f {
			delete(c.open, k)
		}
		if c.running[k] == f {
			delete(c.running, k)
		}
		if e, ok := got[k]; ok {
			if r, overtaken := c.settle(k, e, f.since); overtaken && e.loaded {
				c.outdated(k, r, true)
			}
		}
	}
	c.end(f.keys)
	c.mu.Unlock()
	f.got, f.err = got, err
	close(f.done)
}

// load reads keys from Redis, and what it lacks from Load, which then goes to Redis.
func (c *Cache[K, V]) load(ctx context.Context, f *flight[K, V]) (map[K]entry[V], error) {
	got := make(map[K]entry[V], len(f.keys))
	missing, reachable := c.readL2(ctx, f, got)
	if len(missing) == 0 {
		return got, nil
	}
	c.counts.loads.Add(int64(len(missing)))
	values, err := c.loadSafely(ctx, missing)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", c.o.Name, err)
	}
	for _, k := range missing {
		if v, ok := values[k]; ok {
			got[k] = entry[V]{rank: c.rankOf(v), value: v, loaded: true}
		} else {
			got[k] = entry[V]{rank: rank{kind: negative}, loaded: true}
		}
	}
	if reachable {
		c.fill(ctx, missing, got)
	}
	return got, nil
}

// loadSafely turns a panic into an error: the goroutine is ours, and the
// process must not end with it.
func (c *Cache[K, V]) loadSafely(ctx context.Context, keys []K) (values map[K]V, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return c.o.Load(ctx, keys)
}

func (c *Cache[K, V]) rankOf(v V) rank {
	return rank{version: max(c.o.Version(v), 1), kind: present}
}

// readL2 puts what Redis has into got. It returns the other keys, and whether
// Redis answers.
func (c *Cache[K, V]) readL2(ctx context.Context, f *flight[K, V], got map[K]entry[V]) (missing []K, reachable bool) {
	if c.o.Redis == nil {
		return f.keys, false
	}
	keys, names := make([]K, 0, len(f.keys)), make([]string, 0, len(f.keys))
	for _, k := range f.keys {
		if _, skip := f.skip[k]; skip {
			missing = append(missing, k)
			continue
		}
		keys, names = append(keys, k), append(names, c.redisKey(k))
	}
	if len(keys) == 0 {
		return missing, true
	}
	records, err := guard.Do(ctx, c.guard, func(ctx context.Context) ([]rueidis.RedisMessage, error) {
		return c.o.Redis.Do(ctx, c.o.Redis.B().Mget().Key(names...).Build()).ToArray()
	})
	if err != nil || len(records) != len(keys) {
		c.counts.failures.Add(1)
		return f.keys, false
	}
	for i, k := range keys {
		if e, ok := c.decode(records[i]); ok {
			got[k] = e
			c.counts.l2.Add(1)
		} else {
			missing = append(missing, k)
		}
	}
	return missing, true
}

// decode reads a record. One that cannot be read, for example because another
// version of the program wrote it, is as good as none.
func (c *Cache[K, V]) decode(m rueidis.RedisMessage) (entry[V], bool) {
	s, err := m.ToString()
	if err != nil {
		return entry[V]{}, false // nil: no record
	}
	r, err := parseRank(s)
	if err != nil || r.kind == unreadable {
		return entry[V]{}, false
	}
	e := entry[V]{rank: r}
	if r.kind == present {
		if e.value, err = c.o.Codec.Unmarshal([]byte(s[rankLength:])); err != nil {
			return entry[V]{}, false
		}
	}
	return e, true
}

// encode writes a record. A value that cannot be written leaves its rank, so
// that at least no older one comes back.
func (c *Cache[K, V]) encode(e entry[V]) string {
	if e.kind != present {
		return e.rank.String()
	}
	b, err := c.o.Codec.Marshal(e.value)
	if err != nil {
		c.counts.failures.Add(1)
		return rank{version: e.version, kind: unreadable}.String()
	}
	return e.rank.String() + string(b)
}

// fill offers loaded entries to Redis. Where Redis has a newer one, that is
// what the readers get.
func (c *Cache[K, V]) fill(ctx context.Context, keys []K, got map[K]entry[V]) {
	writes := make([]write[K], 0, len(keys))
	for _, k := range keys {
		writes = append(writes, write[K]{key: k, record: c.encode(got[k]), ttl: c.ttlOf(got[k].kind)})
	}
	newer, err := c.store(ctx, writes, false)
	if err != nil {
		return
	}
	for i, m := range newer {
		if e, ok := c.decode(m); ok {
			got[keys[i]] = e
		}
	}
}

// ttlOf is how long Redis keeps an entry. Lifetimes differ, so that what was
// written together does not end together.
func (c *Cache[K, V]) ttlOf(k kind) time.Duration {
	ttl := c.o.L2TTL
	if k == negative {
		ttl = c.o.NegativeTTL
	}
	return max(ttl-ttl/10+rand.N(ttl/5+1), time.Millisecond)
}
