package cache

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"douyin.dev/services/platform/cache/guard"
	"douyin.dev/services/platform/pause"
)

const (
	// beat is the pause between heartbeats: messages an instance sends to itself
	// the way invalidations come.
	beat = 500 * time.Millisecond
	// silence is how long after the newest heartbeat the first level is used.
	silence = 3 * beat
	// resubscribe is the pause before a lost subscription is made anew.
	resubscribe = 200 * time.Millisecond
)

// Run follows what other instances change, and offers Redis again what it did
// not take. The first level is in use only while Run hears itself through
// Redis. It returns nil when ctx ends.
func (c *Cache[K, V]) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if c.o.Redis != nil {
			c.follow(ctx)
			c.heard.Store(0)
		}
		pause.For(ctx, resubscribe+rand.N(resubscribe))
	}
	return nil
}

// follow subscribes and stays until the connection breaks or ctx ends. What
// goes wrong shows in the metrics, and passes.
func (c *Cache[K, V]) follow(ctx context.Context) {
	connection, release := c.o.Redis.Dedicate()
	defer release()
	broken := connection.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: c.hear})
	subscribe := connection.B().Subscribe().Channel(c.channel(), c.ownChannel()).Build()
	if err := connection.Do(ctx, subscribe).Error(); err != nil {
		c.counts.failures.Add(1)
		return
	}
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		c.beat(ctx)
		c.repair(ctx)
		select {
		case <-ctx.Done():
			return
		case <-broken:
			return
		case <-tick.C:
		}
	}
}

func (c *Cache[K, V]) channel() string    { return "douyin:inv:" + c.o.Name }
func (c *Cache[K, V]) ownChannel() string { return c.channel() + ":" + c.instance }

// beat sends the time to ourselves.
func (c *Cache[K, V]) beat(ctx context.Context) {
	sent := strconv.FormatInt(int64(c.now()), 10)
	_, err := guard.Do(ctx, c.guard, func(ctx context.Context) (int64, error) {
		return c.o.Redis.Do(ctx, c.o.Redis.B().Publish().Channel(c.ownChannel()).Message(sent).Build()).AsInt64()
	})
	if err != nil {
		c.counts.failures.Add(1)
	}
}

// hear is called for each message, in the order Redis sent them.
func (c *Cache[K, V]) hear(m rueidis.PubSubMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.Channel == c.ownChannel() {
		if sent, err := strconv.ParseInt(m.Message, 10, 64); err == nil {
			c.hearBeat(sent)
		}
		return
	}
	notices, err := parseNotices(m.Message)
	if err != nil {
		c.restart() // something changed, and we do not know what
		return
	}
	for _, n := range notices {
		k, err := c.o.ParseKey(n.key)
		if err != nil {
			c.restart()
			return
		}
		c.learn(k, n.rank)
	}
}

// hearBeat starts the first level anew when we were deaf before.
func (c *Cache[K, V]) hearBeat(sent int64) {
	if !c.live() {
		c.restart()
	}
	c.heard.Store(max(sent, 1))
}
