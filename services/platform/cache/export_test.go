package cache

// Live tells tests whether the first level is in use.
func (c *Cache[K, V]) Live() bool { return c.live() }

// Overtaken tells tests whether a load of k is not joined any more.
func (c *Cache[K, V]) Overtaken(k K) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open[k] == nil
}
