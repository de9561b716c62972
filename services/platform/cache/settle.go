package cache

import "github.com/maypok86/otter/v2"

// What follows decides what the first level may hold. Loads and writes take
// time, and what they bring may be old when they bring it. So while any of them
// is under way for a key, the highest rank heard of the key is remembered, and
// nothing below it is kept. What was heard before they began they meet in Redis,
// since a record is there before its invalidation is. All of it needs Cache.mu.

// watch is the keys' state while loads and writes of it are under way.
type watch struct {
	users int
	floor rank // the highest rank heard of
}

// moment is when a load or a write began.
type moment struct {
	live  bool  // the first level was in use: changes were heard
	epoch int64 // and if this is still the same, all of them were
}

// begin watches keys until end.
func (c *Cache[K, V]) begin(keys []K) moment {
	for _, k := range keys {
		w := c.watches[k]
		if w == nil {
			w = &watch{}
			c.watches[k] = w
		}
		w.users++
	}
	return moment{live: c.live(), epoch: c.epoch}
}

func (c *Cache[K, V]) end(keys []K) {
	for _, k := range keys {
		if w := c.watches[k]; w.users > 1 {
			w.users--
		} else {
			delete(c.watches, k)
		}
	}
}

// settle keeps an entry, unless the key is known to have a higher rank, which
// is then answered, or changes may have gone unheard since the entry began to be
// read or written. What is older than the entry goes in any case.
func (c *Cache[K, V]) settle(k K, e entry[V], since moment) (higher rank, overtaken bool) {
	w := c.watches[k]
	if e.compare(w.floor) < 0 {
		return w.floor, true
	}
	w.floor = e.rank
	if since.live && since.epoch == c.epoch {
		c.keep(k, e)
	} else {
		c.drop(k, e.rank)
	}
	return rank{}, false
}

// learn takes note that a key has a rank: readers to come must not get less.
func (c *Cache[K, V]) learn(k K, r rank) {
	if w := c.watches[k]; w != nil && w.floor.compare(r) < 0 {
		w.floor = r
	}
	delete(c.open, k) // a load that is under way is not joined any more
	c.drop(k, r)
}

// keep puts an entry into the first level unless that holds a higher rank.
func (c *Cache[K, V]) keep(k K, e entry[V]) {
	if e.kind == unreadable {
		return
	}
	now, ttl := c.now(), c.o.L1TTL
	if e.kind == negative {
		ttl = min(ttl, c.o.NegativeTTL)
	}
	e.expires = now + ttl
	c.l1.Compute(k, func(old *entry[V], ok bool) (*entry[V], otter.ComputeOp) {
		if ok && old.expires > now && old.compare(e.rank) > 0 {
			return old, otter.CancelOp
		}
		return &e, otter.WriteOp
	})
}

// drop takes what is below a rank out of the first level.
func (c *Cache[K, V]) drop(k K, r rank) {
	c.l1.ComputeIfPresent(k, func(old *entry[V]) (*entry[V], otter.ComputeOp) {
		if old.compare(r) < 0 {
			return nil, otter.InvalidateOp
		}
		return old, otter.CancelOp
	})
}

// outdated makes sure that Redis refuses what was sent to it although the key
// had changed to rank r. Redis compared them too, unless it was flushed between
// the change and what was sent. distrust keeps readers from Redis until then.
func (c *Cache[K, V]) outdated(k K, r rank, distrust bool) {
	if c.o.Redis == nil {
		return
	}
	if _, known := c.dirty[k]; known || len(c.dirty) >= maxDirty {
		return
	}
	if r.kind == present {
		r.kind = unreadable // we do not have the value
	}
	c.dirty[k] = lost{record: r.String(), since: c.now(), readable: !distrust}
}

// restart empties the first level, and keeps from it what is being loaded.
func (c *Cache[K, V]) restart() {
	c.epoch++
	c.l1.InvalidateAll()
	clear(c.open)
}
