package client

import (
	"hash/maphash"
	"sync"
)

// budgetShards spreads clients over locks: calls of different clients rarely
// meet.
const budgetShards = 64

// Budget bounds how many of one kind a client has under way: connections, calls
// or streams. A client with nothing under way takes no memory. It is safe for
// concurrent use.
type Budget struct {
	limit  int
	seed   maphash.Seed
	shards [budgetShards]struct {
		mu       sync.Mutex
		underWay map[Key]int
		_        [40]byte // a cache line each
	}
}

// NewBudget returns a budget of limit per client; 0 is no limit.
func NewBudget(limit int) *Budget {
	b := &Budget{limit: limit, seed: maphash.MakeSeed()}
	for i := range b.shards {
		b.shards[i].underWay = map[Key]int{}
	}
	return b
}

// Enter counts one more of a client's; false when the client has as many as it
// may, and nothing was counted.
func (b *Budget) Enter(k Key) bool {
	if b.limit <= 0 {
		return true
	}
	s := &b.shards[maphash.Comparable(b.seed, k)%budgetShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.underWay[k]
	if n >= b.limit {
		return false
	}
	s.underWay[k] = n + 1
	return true
}

// Leave ends what Enter counted.
func (b *Budget) Leave(k Key) {
	if b.limit <= 0 {
		return
	}
	s := &b.shards[maphash.Comparable(b.seed, k)%budgetShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.underWay[k]; n > 1 {
		s.underWay[k] = n - 1
	} else {
		delete(s.underWay, k)
	}
}

// UnderWay returns how many a client has under way; 0 without a limit.
func (b *Budget) UnderWay(k Key) int {
	s := &b.shards[maphash.Comparable(b.seed, k)%budgetShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.underWay[k]
}
