package durability

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"sync"
	"time"

	"douyin.dev/test/harness"
)

const (
	// hotUsers each share a like and a follow among hotClients clients.
	hotUsers, hotClients = 2, 8
	// hotShare is one in how many calls goes to a hot register, and fewestHot how many there are at least.
	hotShare, fewestHot = 10, 1600
)

// hot is the registers that many clients of one user set, take back and read at
// the same time.
type hot struct {
	author *actor // whose video they like, and whom they follow
	users  []*actor

	began  time.Time
	turns  chan struct{} // one for each call
	mu     sync.Mutex
	calls  []Touch
	lastID int
}

// spot is one register as its clients use it.
type spot struct {
	name         string
	user         *actor
	path, target string // what sets it, and the parameter that says which
	id           int64
	list, key    string // where it is read
}

func (h *hot) spots() []spot {
	var all []spot
	for _, u := range h.users {
		all = append(all, spot{
			name: fmt.Sprintf("like of %d on %d", u.id, h.author.videos[0]), user: u, id: h.author.videos[0],
			path: "/douyin/favorite/action/", target: "video_id", list: "/douyin/favorite/list/", key: "video_list",
		}, spot{
			name: fmt.Sprintf("follow of %d by %d", h.author.id, u.id), user: u, id: h.author.id,
			path: "/douyin/relation/action/", target: "to_user_id", list: "/douyin/relation/follow/list/", key: "user_list",
		})
	}
	return all
}

// start begins with the calls; they follow the turns that are given. It returns
// what waits for their end.
func (h *hot) start(ctx context.Context, began time.Time, operations int, seed uint64) (wait func()) {
	h.began, h.turns = began, make(chan struct{}, h.total(operations))
	var clients sync.WaitGroup
	for _, s := range h.spots() {
		for range hotClients {
			h.lastID++
			client, random := h.lastID, rand.New(rand.NewPCG(seed, uint64(1000+h.lastID)))
			clients.Go(func() {
				for range h.turns {
					if ctx.Err() == nil {
						h.touch(ctx, s, client, random)
					}
				}
			})
		}
	}
	return func() { close(h.turns); clients.Wait() }
}

func (h *hot) total(operations int) int { return max(operations/hotShare, fewestHot) }

// turn lets as many calls begin as are due with the n-th operation.
func (h *hot) turn(n int64, operations int) {
	total := int64(h.total(operations))
	for range n*total/int64(operations) - (n-1)*total/int64(operations) {
		h.turns <- struct{}{}
	}
}

// touch makes one call and records it, unless it certainly had no effect.
func (h *hot) touch(ctx context.Context, s spot, client int, random *rand.Rand) {
	t := Touch{Register: s.name, Client: client, Set: random.IntN(3) > 0, Value: random.IntN(2) == 0}
	for ; ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		t.Began = time.Since(h.began)
		var err error
		known := true
		if t.Set {
			var effect bool
			if known, effect, err = s.set(ctx, t.Value); !effect {
				continue
			}
		} else {
			t.Value, err = s.read(ctx)
		}
		if err != nil && harness.NotSent(err) {
			continue // down
		}
		t.Ended, t.Unknown = time.Since(h.began), !known
		if t.Set || err == nil {
			h.mu.Lock()
			h.calls = append(h.calls, t)
			h.mu.Unlock()
		}
		return
	}
}

// set returns whether it is known to have taken effect, and whether it can have:
// what was not sent or refused has none. There is no second attempt of a call
// that may have had one: that would be another call.
func (s spot) set(ctx context.Context, on bool) (known, effect bool, err error) {
	action := "2"
	if on {
		action = "1"
	}
	answer, err := s.user.client.Do(ctx, harness.Call{Path: s.path, Form: url.Values{
		"action_type": {action}, s.target: {strconv.FormatInt(s.id, 10)},
	}})
	if err != nil {
		return false, !harness.NotSent(err), err
	}
	code := answer.Code()
	return code == 0, code != codeUnavailable && code != codeTooMany, nil
}

// read looks into the list: its owner answers it or nobody.
func (s spot) read(ctx context.Context) (bool, error) {
	items, err := pages[struct {
		ID int64 `json:"id"`
	}](ctx, s.user.client, s.list, s.key)
	for _, item := range items {
		if item.ID == s.id {
			return true, err
		}
	}
	return false, err
}

// settle ends the unknown calls: what a dead process had begun has happened or
// not when the next one is ready.
func (h *hot) settle(ready []time.Duration) []Touch {
	for i, t := range h.calls {
		if !t.Unknown {
			continue
		}
		lost := t.Ended
		h.calls[i].Ended = Never
		for _, at := range ready {
			if at > lost {
				h.calls[i].Ended = min(h.calls[i].Ended, at)
			}
		}
	}
	return h.calls
}

// counters are the counts that follow from the registers.
func (h *hot) counters(ctx context.Context) ([]Counter, error) {
	var likes, followers int64
	var all []Counter
	for _, u := range h.users {
		v, err := u.view(ctx)
		if err != nil {
			return nil, err
		}
		likes += int64(len(v.liked))
		followers += int64(len(v.following))
		all = append(all, v.counters(State{})...)
	}
	user, err := h.author.user(ctx)
	if err != nil {
		return nil, err
	}
	for i, rows := range []int64{0, followers, likes, int64(len(h.author.videos)), 0} {
		counter := userCounts(user)[i]
		counter.Rows = rows
		all = append(all, counter)
	}
	return all, nil
}
