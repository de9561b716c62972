package contract_test

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/test/harness"
)

// poll reads what came after a time.
func (p *person) poll(t testing.TB, peer, after int64) []harness.Message {
	t.Helper()
	return messages(t, p.mustGet(t, "/douyin/message/chat/", "to_user_id", text(peer), "pre_msg_time", text(after)))
}

func TestMessageIsVisibleToBothAtOnce(t *testing.T) {
	t.Parallel()
	all := people(t, 2)
	a, b := all[0], all[1]
	a.say(t, b.id, "你好 <b>&\n🙂")
	mine, theirs := a.chat(t, b.id), b.chat(t, a.id)
	if diff := cmp.Diff(mine, theirs); diff != "" {
		t.Errorf("the two sides differ:\n%s", diff)
	}
	if len(mine) != 1 || mine[0].FromUserID != a.id || mine[0].ToUserID != b.id || mine[0].Content != "你好 <b>&\n🙂" {
		t.Fatalf("got %+v", mine)
	}
	const year2020, year2100 = 1_577_836_800_000, 4_102_444_800_000
	if at := mine[0].CreateTime; at < year2020 || at > year2100 {
		t.Errorf("create_time %d is not in milliseconds", at)
	}
}

func TestWholeConversationIsAscendingAndBothWays(t *testing.T) {
	t.Parallel()
	all := people(t, 2)
	a, b := all[0], all[1]
	var want []string
	for i := range 6 {
		from, to := a, b
		if i%3 == 1 {
			from, to = b, a
		}
		from.say(t, to.id, strconv.Itoa(i))
		want = append(want, strconv.Itoa(i))
	}
	for _, side := range []struct{ p, peer *person }{{a, b}, {b, a}} {
		got := side.p.chat(t, side.peer.id)
		if !slices.Equal(contents(got), want) {
			t.Errorf("got %q, want %q", contents(got), want)
		}
		if !slices.IsSortedFunc(got, func(x, y harness.Message) int { return int(x.CreateTime - y.CreateTime) }) {
			t.Error("not ascending by time")
		}
		if zero := side.p.poll(t, side.peer.id, 0); !cmp.Equal(zero, got) {
			t.Errorf("pre_msg_time=0 answers %q", contents(zero))
		}
	}
}

// Apps poll with the time of the last message they show, and append.
func TestPollAnswersOnlyLaterMessagesToMe(t *testing.T) {
	t.Parallel()
	all := people(t, 2)
	a, b := all[0], all[1]
	a.say(t, b.id, "a1")
	b.say(t, a.id, "b1")
	last := a.chat(t, b.id)[1].CreateTime
	if got := a.poll(t, b.id, last); len(got) != 0 {
		t.Errorf("the poll repeats %q", contents(got))
	}
	if got := a.poll(t, b.id, last-1); !slices.Equal(contents(got), []string{"b1"}) {
		t.Errorf("a poll from just before answers %q, want b1", contents(got))
	}
	a.say(t, b.id, "a2")
	if got := a.poll(t, b.id, last); len(got) != 0 {
		t.Errorf("the poll answers what the caller sent: %q", contents(got))
	}
	b.say(t, a.id, "b2")
	b.say(t, a.id, "b3")
	got := a.poll(t, b.id, last)
	if !slices.Equal(contents(got), []string{"b2", "b3"}) {
		t.Errorf("got %q, want b2 and b3", contents(got))
	}
	if again := a.poll(t, b.id, got[1].CreateTime); len(again) != 0 {
		t.Errorf("the poll repeats %q", contents(again))
	}
	if got := b.poll(t, a.id, 1); !slices.Equal(contents(got), []string{"a1", "a2"}) {
		t.Errorf("the other side gets %q, want a1 and a2", contents(got))
	}
}

// Messages sent at the same moment must not hide behind one another's time.
func TestPollingMissesNothingUnderABurst(t *testing.T) {
	t.Parallel()
	all := people(t, 2)
	a, b := all[0], all[1]
	const sent = 18
	b.say(t, a.id, "first")
	last := a.chat(t, b.id)[0].CreateTime
	var group sync.WaitGroup
	for i := range sent {
		group.Go(func() { b.say(t, a.id, "n"+strconv.Itoa(i)) })
	}
	defer group.Wait() // also when this test gives up
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	var got []string
	for finished := false; ; {
		page := a.poll(t, b.id, last)
		got = append(got, contents(page)...)
		if len(page) > 0 {
			last = page[len(page)-1].CreateTime
		} else if finished {
			break
		}
		select {
		case <-done:
			finished = true
		default:
		}
	}
	slices.Sort(got)
	if len(got) != sent || len(slices.Compact(got)) != sent {
		t.Errorf("polled %d messages, want %d: %q", len(got), sent, got)
	}
}

func TestConversationIsPrivate(t *testing.T) {
	t.Parallel()
	all := people(t, 3)
	a, b, other := all[0], all[1], all[2]
	a.say(t, b.id, "between us")
	for _, peer := range []*person{a, b} {
		if got := other.chat(t, peer.id); len(got) != 0 {
			t.Errorf("a third user reads %q", contents(got))
		}
		answer := other.mustGet(t, "/douyin/message/chat/", "to_user_id", text(peer.id), "user_id", text(a.id), "from_user_id", text(a.id))
		if got := messages(t, answer); len(got) != 0 {
			t.Errorf("a claimed user id reads %q", contents(got))
		}
	}
}

func TestMessageHas1To1000Characters(t *testing.T) {
	t.Parallel()
	all := people(t, 2)
	a, b := all[0], all[1]
	for content, ok := range map[string]bool{
		"": false, "x": true, strings.Repeat("言", 999): true, strings.Repeat("言", 1000): true, strings.Repeat("言", 1001): false,
	} {
		answer := a.post(t, "/douyin/message/action/", "to_user_id", text(b.id), "action_type", "1", "content", content)
		if ok {
			accepted(t, answer)
			continue
		}
		refused(t, answer, 40002)
		if !strings.Contains(answer.Message(), "content") {
			t.Errorf("the message does not name content: %s", answer)
		}
	}
	if got := a.chat(t, b.id); len(got) != 3 {
		t.Errorf("%d messages, want 3", len(got))
	}
}

func TestNobodyWritesToThemselvesOrNobody(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	refused(t, p.post(t, "/douyin/message/action/", "to_user_id", text(p.id), "action_type", "1", "content", "x"), 10018)
	refused(t, p.post(t, "/douyin/message/action/", "to_user_id", "987654321", "action_type", "1", "content", "x"), 10013)
}
