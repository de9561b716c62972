package relation

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wantConsistent checks what must hold whatever happened: both tables have the
// same rows, the events of each pair take turns, and the last one is true.
func (b *bundle) wantConsistent(t *testing.T) {
	t.Helper()
	following := b.rows(t, "following")
	if diff := cmp.Diff(following, b.rows(t, "follower"), cmp.AllowUnexported(follow{})); diff != "" {
		t.Errorf("following and follower differ:\n%s", diff)
	}
	announced := map[pair]bool{}
	for i, e := range b.events(t) {
		p := pair{e.GetFollowerId(), e.GetFolloweeId()}
		if announced[p] == e.GetFollowing() {
			t.Fatalf("event %d announces what was so already: %v", i, e)
		}
		announced[p] = e.GetFollowing()
	}
	for p, follows := range announced {
		if !follows {
			delete(announced, p)
		}
	}
	if diff := cmp.Diff(announced, pairs(following)); diff != "" {
		t.Errorf("sum of the events and rows differ (-events +rows):\n%s", diff)
	}
}

// 64 callers at three instances toggle pairs they all share, in both directions.
func TestTogglesOfManyAgree(t *testing.T) {
	t.Parallel()
	const callers, turns, users = 64, 40, 6
	b := setup(t)
	instances := []*Service{b.Service, b.instance(t), b.instance(t)}
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(caller)))
			for range turns {
				p := pair{1 + random.Int64N(users), 1 + random.Int64N(users)}
				if p.Follower == p.Followee {
					continue
				}
				if err := set(t.Context(), instances[random.IntN(3)], p, random.IntN(2) == 0); err != nil {
					t.Errorf("%v: %v", p, err)
				}
			}
		})
	}
	wg.Wait()
	b.wantConsistent(t)
	if len(b.events(t)) < turns {
		t.Error("too few changes for a race")
	}
}

// Callers with a pair of their own each see their last wish come true.
func TestTogglesOfDifferentPairsDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	const callers, turns = 64, 21
	b := setup(t)
	instances := []*Service{b.Service, b.instance(t)}
	var wg sync.WaitGroup
	for caller := range int64(callers) {
		wg.Go(func() {
			for turn := range turns {
				if err := set(t.Context(), instances[(int(caller)+turn)%2], pair{100 + caller, 1 + caller%3}, turn%2 == 0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.wantConsistent(t)
	if n := len(b.events(t)); n != callers*turns {
		t.Errorf("%d events of %d changes", n, callers*turns)
	}
	if n := len(b.rows(t, "following")); n != callers {
		t.Errorf("%d follows, want %d", n, callers)
	}
}

// Large batches of the same pairs in any order, with nobody to try again: one
// deadlock is an error here.
func TestBatchesNeverDeadlock(t *testing.T) {
	t.Parallel()
	const writers, turns, users = 8, 60, 12
	b := setup(t)
	var wg sync.WaitGroup
	for writer := range writers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(2, uint64(writer)))
			for turn := range turns {
				var wishes []change
				for i := range users * users {
					p := pair{1 + int64(i/users), 1 + int64(i%users)}
					if p.Follower != p.Followee && random.IntN(3) > 0 {
						wishes = append(wishes, change{pair: p, follows: random.IntN(2) == 0, at: int64(turn)})
					}
				}
				random.Shuffle(len(wishes), func(i, j int) { wishes[i], wishes[j] = wishes[j], wishes[i] })
				if _, err := b.store.apply(t.Context(), wishes); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.wantConsistent(t)
}
