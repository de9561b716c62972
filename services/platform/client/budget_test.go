package client_test

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"douyin.dev/services/platform/client"
)

func TestABudgetIsPerClient(t *testing.T) {
	t.Parallel()
	b := client.NewBudget(2)
	one, other := client.KeyOfUser(1), client.KeyOf(netip.MustParseAddr("0.0.0.1"))
	got := []bool{b.Enter(one), b.Enter(one), b.Enter(one), b.Enter(other)}
	for i, want := range []bool{true, true, false, true} {
		if got[i] != want {
			t.Errorf("entry %d: %v", i+1, got[i])
		}
	}
	b.Leave(one)
	if !b.Enter(one) || b.Enter(one) {
		t.Error("one left and not exactly one may enter")
	}
}

func TestABudgetHoldsUnderConcurrency(t *testing.T) {
	t.Parallel()
	const limit = 4
	b := client.NewBudget(limit)
	var under, most atomic.Int64
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for range 1000 {
				if !b.Enter(client.KeyOfUser(7)) {
					continue
				}
				if n := under.Add(1); n > most.Load() {
					most.Store(n)
				}
				under.Add(-1)
				b.Leave(client.KeyOfUser(7))
			}
		})
	}
	all.Wait()
	if most.Load() > limit {
		t.Errorf("%d under way, %d allowed", most.Load(), limit)
	}
	for i := range limit {
		if !b.Enter(client.KeyOfUser(7)) {
			t.Fatalf("after all left, entry %d was refused", i+1)
		}
	}
}

// BenchmarkBudget is what counting adds to a call.
func BenchmarkBudget(b *testing.B) {
	budget := client.NewBudget(128)
	b.ReportAllocs()
	var ids atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		k := client.KeyOfUser(ids.Add(1))
		for pb.Next() {
			if budget.Enter(k) {
				budget.Leave(k)
			}
		}
	})
}
