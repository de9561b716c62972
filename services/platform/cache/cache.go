package cache

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/redis/rueidis"

	"douyin.dev/services/platform/cache/guard"
)

// Cache is a family of copies. It is safe for concurrent use.
type Cache[K comparable, V any] struct {
	o        Options[K, V]
	guard    *guard.Guard
	script   *rueidis.Lua
	instance string // tells our heartbeats from those of others
	born     time.Time
	l1       *otter.Cache[K, *entry[V]]
	counts   counts
	// heard is when the newest heartbeat was sent that came back to us, in
	// nanoseconds since born; 0 for none.
	heard atomic.Int64

	mu      sync.Mutex
	epoch   int64               // rises when the first level begins anew
	open    map[K]*flight[K, V] // loads that a reader may still join
	running map[K]*flight[K, V] // loads that a reader must not join, but wait for
	watches map[K]*watch        // keys with a load or a write under way
	dirty   map[K]lost          // writes that Redis has not taken
	// distrust is until when Redis is not read, because more writes were lost
	// than dirty can hold.
	distrust time.Duration
}

// entry is what is known of a key; immutable.
type entry[V any] struct {
	rank
	value   V
	expires time.Duration // since born; first level only
	loaded  bool          // by Load, and not read from Redis
}

// New returns a cache. With Redis, Run must run beside it.
func New[K comparable, V any](o Options[K, V]) (*Cache[K, V], error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	// Bounded by size only: an entry's end is checked when it is read, so the
	// first level needs no goroutine.
	l1, err := otter.New(&otter.Options[K, *entry[V]]{MaximumSize: o.L1Size})
	if err != nil {
		return nil, fmt.Errorf("cache %s: %w", o.Name, err)
	}
	c := &Cache[K, V]{
		o: o, guard: guard.New(o.Deadline), script: rueidis.NewLuaScript(storeScript), instance: rand.Text(), born: time.Now(), l1: l1,
		open: map[K]*flight[K, V]{}, running: map[K]*flight[K, V]{}, watches: map[K]*watch{}, dirty: map[K]lost{},
	}
	return c, c.measure()
}

// Get returns the value of key; false when it does not exist.
func (c *Cache[K, V]) Get(ctx context.Context, key K) (V, bool, error) {
	if c.live() {
		if e, ok := c.l1.GetIfPresent(key); ok && e.expires > c.now() {
			c.counts.l1.Add(1)
			return e.value, e.kind == present, nil
		}
	}
	found := make(map[K]V, 1)
	if err := c.readThrough(ctx, []K{key}, found); err != nil {
		var none V
		return none, false, err
	}
	v, ok := found[key]
	return v, ok, nil
}

// GetMany returns the values of the keys that exist, with at most one round
// trip to Redis and one Load, whatever the number of keys. It fails only when
// Load fails or ctx ends.
func (c *Cache[K, V]) GetMany(ctx context.Context, keys []K) (map[K]V, error) {
	found := make(map[K]V, len(keys))
	missing := keys
	if c.live() {
		missing = c.readL1(keys, found)
	}
	if len(missing) == 0 {
		return found, nil
	}
	if err := c.readThrough(ctx, missing, found); err != nil {
		return nil, err
	}
	return found, nil
}

// GetList is GetMany with the values in the order of keys, without those that
// do not exist: no map is made of what this process has.
func (c *Cache[K, V]) GetList(ctx context.Context, keys []K) ([]V, error) {
	list := make([]V, 0, len(keys))
	if c.live() && c.listL1(keys, &list) {
		return list, nil
	}
	found, err := c.GetMany(ctx, keys)
	if err != nil {
		return nil, err
	}
	list = list[:0]
	for _, k := range keys {
		if v, ok := found[k]; ok {
			list = append(list, v)
		}
	}
	return list, nil
}

// listL1 appends what this process has, and reports whether that is all.
func (c *Cache[K, V]) listL1(keys []K, list *[]V) bool {
	now := c.now()
	for _, k := range keys {
		e, ok := c.l1.GetIfPresent(k)
		if !ok || e.expires <= now {
			return false
		}
		if e.kind == present {
			*list = append(*list, e.value)
		}
	}
	c.counts.l1.Add(int64(len(keys)))
	return true
}

// readL1 puts what this process has into found and returns the other keys.
func (c *Cache[K, V]) readL1(keys []K, found map[K]V) (missing []K) {
	now := c.now()
	for _, k := range keys {
		e, ok := c.l1.GetIfPresent(k)
		switch {
		case !ok || e.expires <= now:
			missing = append(missing, k)
		case e.kind == present:
			found[k] = e.value
		}
	}
	c.counts.l1.Add(int64(len(keys) - len(missing)))
	return missing
}

// readThrough gets keys from Redis or Load, together with whoever wants them too.
func (c *Cache[K, V]) readThrough(ctx context.Context, keys []K, found map[K]V) error {
	for i, f := range c.join(ctx, keys) {
		select {
		case <-f.done:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", c.o.Name, ctx.Err())
		}
		if f.err != nil {
			return f.err
		}
		if e := f.got[keys[i]]; e.kind == present {
			found[keys[i]] = e.value
		}
	}
	return nil
}

// live reports whether the first level may be used: whether this process would
// have heard of a change made elsewhere.
func (c *Cache[K, V]) live() bool {
	if c.o.Redis == nil {
		return c.o.SingleProcess
	}
	heard := time.Duration(c.heard.Load())
	return heard != 0 && c.now()-heard < silence
}

func (c *Cache[K, V]) now() time.Duration { return time.Since(c.born) }

// redisKey puts a family under one hash tag, so that one command reads a page.
func (c *Cache[K, V]) redisKey(k K) string { return "douyin:{" + c.o.Name + "}:" + c.o.Key(k) }
