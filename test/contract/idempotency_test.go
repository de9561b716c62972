package contract_test

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/test/harness"
)

// keyed is an action that takes an idempotency key.
type keyed struct {
	name, path string
	params     url.Values
	other      [2]string // a parameter and another value
	// effects counts what the caller did.
	effects func(t *testing.T, p *person) int
}

// keyedActions are the actions on a video or user of their own.
func keyedActions(t *testing.T) []keyed {
	t.Helper()
	target := newPerson(t)
	video := target.publish(t)
	return []keyed{
		{
			name: "Comment", path: "/douyin/comment/action/", other: [2]string{"comment_text", "twice"},
			params: harness.Values("video_id", text(video.ID), "action_type", "1", "comment_text", "once"),
			effects: func(t *testing.T, p *person) int {
				own := slices.DeleteFunc(p.comments(t, video.ID), func(c harness.Comment) bool { return c.User.ID != p.id })
				return len(own)
			},
		},
		{
			name: "Message", path: "/douyin/message/action/", other: [2]string{"content", "twice"},
			params:  harness.Values("to_user_id", text(target.id), "action_type", "1", "content", "once"),
			effects: func(t *testing.T, p *person) int { return len(p.chat(t, target.id)) },
		},
	}
}

// send calls the action with a key in the header.
func (k keyed) send(t *testing.T, p *person, key string, params url.Values) *harness.Answer {
	t.Helper()
	return p.do(t, harness.Call{Path: k.path, Form: params, Header: http.Header{"Idempotency-Key": {key}}})
}

func everyKeyed(t *testing.T, check func(t *testing.T, k keyed, p *person)) {
	t.Helper()
	for _, k := range keyedActions(t) {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			check(t, k, newPerson(t))
		})
	}
}

func TestSameKeyIsDoneOnceAndAnsweredAlike(t *testing.T) {
	t.Parallel()
	everyKeyed(t, func(t *testing.T, k keyed, p *person) {
		key := rand.Text()
		first := accepted(t, k.send(t, p, key, k.params))
		second := accepted(t, k.send(t, p, key, k.params))
		if diff := cmp.Diff(first.Fields, second.Fields); diff != "" {
			t.Errorf("another answer (-first +second):\n%s", diff)
		}
		if got := k.effects(t, p); got != 1 {
			t.Errorf("done %d times", got)
		}
		accepted(t, k.send(t, p, rand.Text(), k.params))
		if got := k.effects(t, p); got != 2 {
			t.Errorf("another key: done %d times, want 2", got)
		}
	})
}

func TestSameKeyAtTheSameTimeIsDoneOnce(t *testing.T) {
	t.Parallel()
	everyKeyed(t, func(t *testing.T, k keyed, p *person) {
		key := rand.Text()
		answers := make([]*harness.Answer, 6)
		var group sync.WaitGroup
		for i := range answers {
			group.Go(func() { answers[i] = k.send(t, p, key, k.params) })
		}
		group.Wait()
		for _, answer := range answers {
			accepted(t, answer)
			if diff := cmp.Diff(answers[0].Fields, answer.Fields); diff != "" {
				t.Errorf("another answer:\n%s", diff)
			}
		}
		if got := k.effects(t, p); got != 1 {
			t.Errorf("done %d times", got)
		}
	})
}

func TestSameKeyWithOtherParametersIsRefused(t *testing.T) {
	t.Parallel()
	everyKeyed(t, func(t *testing.T, k keyed, p *person) {
		key := rand.Text()
		accepted(t, k.send(t, p, key, k.params))
		changed := url.Values{}
		for name, values := range k.params {
			changed[name] = values
		}
		changed.Set(k.other[0], k.other[1])
		refused(t, k.send(t, p, key, changed), 40002)
		if got := k.effects(t, p); got != 1 {
			t.Errorf("done %d times", got)
		}
	})
}

func TestKeyBelongsToItsUser(t *testing.T) {
	t.Parallel()
	everyKeyed(t, func(t *testing.T, k keyed, p *person) {
		key, other := rand.Text(), newPerson(t)
		accepted(t, k.send(t, p, key, k.params))
		accepted(t, k.send(t, other, key, k.params))
		if mine, theirs := k.effects(t, p), k.effects(t, other); mine != 1 || theirs != 1 {
			t.Errorf("done %d and %d times, want 1 and 1", mine, theirs)
		}
	})
}

func TestKeyMayBeAParameter(t *testing.T) {
	t.Parallel()
	everyKeyed(t, func(t *testing.T, k keyed, p *person) {
		k.params.Set("idempotency_key", rand.Text())
		for range 2 {
			accepted(t, p.do(t, harness.Call{Path: k.path, Form: k.params}))
		}
		if got := k.effects(t, p); got != 1 {
			t.Errorf("done %d times", got)
		}
	})
}

func TestKeyHasUpTo128Characters(t *testing.T) {
	t.Parallel()
	everyKeyed(t, func(t *testing.T, k keyed, p *person) {
		for n, ok := range map[int]bool{127: true, 128: true, 129: false} {
			answer := k.send(t, p, strings.Repeat("k", n), k.params)
			if ok {
				accepted(t, answer)
			} else {
				refused(t, answer, 40002)
			}
		}
	})
}

// A refusal takes no effect, so the key is free for a corrected call.
func TestRefusedCallDoesNotUseUpItsKey(t *testing.T) {
	t.Parallel()
	everyKeyed(t, func(t *testing.T, k keyed, p *person) {
		key := rand.Text()
		empty := url.Values{}
		for name, values := range k.params {
			empty[name] = values
		}
		empty.Set(k.other[0], "")
		refused(t, k.send(t, p, key, empty), 40002)
		accepted(t, k.send(t, p, key, k.params))
		if got := k.effects(t, p); got != 1 {
			t.Errorf("done %d times", got)
		}
	})
}
