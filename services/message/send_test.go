package message

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	messagev1 "douyin.dev/gen/douyin/message/v1"
	"douyin.dev/services/platform/fault"
)

// Two instances, 64 senders, four users who all write to each other: every
// conversation reads the same on both sides, times are unique and rise, and
// each sender finds their messages in the order they were acknowledged.
func TestBothSidesSeeOneOrder(t *testing.T) {
	r := newRig(t)
	instances := []*instance{r.start(t, nil), r.start(t, nil)}
	const senders, each, people = 64, 20, 4
	var wg sync.WaitGroup
	for n := range senders {
		wg.Go(func() {
			from := int64(n%people) + 1
			to := (from+int64(n/people)%(people-1))%people + 1
			previous := int64(0)
			for k := range each {
				m := instances[(n+k)%2].mustSend(t, from, to, fmt.Sprintf("%d/%d", n, k))
				if m.GetSentAtMs() <= previous {
					t.Errorf("message %d after %d", m.GetSentAtMs(), previous)
				}
				previous = m.GetSentAtMs()
			}
		})
	}
	wg.Wait()
	total := 0
	for a := int64(1); a <= people; a++ {
		var mailbox []int64
		for b := int64(1); b <= people; b++ {
			mine, theirs := instances[0].conversation(t, a, b), instances[1].conversation(t, b, a)
			if diff := cmp.Diff(mine, theirs, protocmp.Transform()); diff != "" {
				t.Errorf("%d and %d: %s", a, b, diff)
			}
			if !slices.IsSortedFunc(mine, func(x, y *messagev1.Message) int { return int(x.GetSentAtMs() - y.GetSentAtMs()) }) {
				t.Errorf("%d and %d: not ascending", a, b)
			}
			for _, m := range mine {
				mailbox = append(mailbox, m.GetSentAtMs())
			}
		}
		slices.Sort(mailbox)
		if len(slices.Compact(slices.Clone(mailbox))) != len(mailbox) {
			t.Errorf("two messages of user %d have one time", a)
		}
		total += len(mailbox)
	}
	if total != 2*senders*each {
		t.Errorf("%d messages on both sides together, want %d", total, 2*senders*each)
	}
	if got := events(t, r); len(got) != senders*each {
		t.Errorf("%d events for %d messages", len(got), senders*each)
	}
}

func events(t *testing.T, r *rig) []*messagev1.MessageSent {
	t.Helper()
	rows, err := r.db.RW().Query(t.Context(), `SELECT payload FROM outbox ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	payloads, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		t.Fatal(err)
	}
	var all []*messagev1.MessageSent
	for _, p := range payloads {
		e := &messagev1.MessageSent{}
		if err := proto.Unmarshal(p, e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func TestMessageIsAnnouncedWithoutItsContent(t *testing.T) {
	r := newRig(t)
	m := r.start(t, nil).mustSend(t, 1, 2, "a secret")
	want := []*messagev1.MessageSent{{MessageId: m.GetId(), FromUserId: 1, ToUserId: 2, SentAtMs: m.GetSentAtMs()}}
	if diff := cmp.Diff(want, events(t, r), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestTimesRiseWhenTheClockStands(t *testing.T) {
	r := newRig(t)
	i := r.start(t, nil)
	i.now = func() time.Time { return time.UnixMilli(1_000) }
	var times []int64
	for n := range int64(3) {
		times = append(times, i.mustSend(t, 1, 2+n, "x").GetSentAtMs())
	}
	// 2 and 5 are behind 1, who is at 1002.
	times = append(times, i.mustSend(t, 5, 2, "x").GetSentAtMs(), i.mustSend(t, 2, 1, "x").GetSentAtMs())
	if diff := cmp.Diff([]int64{1000, 1001, 1002, 1001, 1003}, times); diff != "" {
		t.Error(diff)
	}
}

func TestContentIsBounded(t *testing.T) {
	r := newRig(t)
	i := r.start(t, nil)
	for name, c := range map[string]struct {
		content string
		ok      bool
	}{
		"one character": {"x", true},
		"the most":      {strings.Repeat("字", 1000), true},
		"empty":         {"", false},
		"too long":      {strings.Repeat("字", 1001), false},
		"nul":           {"a\x00b", false},
	} {
		_, err := i.client.SendMessage(as(t.Context(), 1), &messagev1.SendMessageRequest{ToUserId: 2, Content: c.content})
		if e, isFault := fault.As(err); c.ok != (err == nil) || isFault && (len(e.Violations()) != 1 || e.Violations()[0].Field != "content") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What no client of ours can put on the wire.
	if _, err := i.SendMessage(as(t.Context(), 1), &messagev1.SendMessageRequest{ToUserId: 2, Content: "a\xffb"}); err == nil {
		t.Error("invalid encoding was accepted")
	}
}

func TestReceiverMustBeAnother(t *testing.T) {
	r := newRig(t)
	i := r.start(t, nil)
	for to, reason := range map[int64]messagev1.ErrorReason{
		1:       messagev1.ErrorReason_ERROR_REASON_SELF_MESSAGE,
		-1:      messagev1.ErrorReason_ERROR_REASON_USER_NOT_FOUND,
		0:       messagev1.ErrorReason_ERROR_REASON_USER_NOT_FOUND,
		1000:    messagev1.ErrorReason_ERROR_REASON_USER_NOT_FOUND,
		1 << 53: messagev1.ErrorReason_ERROR_REASON_USER_NOT_FOUND,
	} {
		_, err := i.client.SendMessage(as(t.Context(), 1), &messagev1.SendMessageRequest{ToUserId: to, Content: "x"})
		if !fault.HasReason(err, reason) {
			t.Errorf("to %d: %v", to, err)
		}
	}
	_, err := i.client.SendMessage(t.Context(), &messagev1.SendMessageRequest{ToUserId: 2, Content: "x"})
	if fault.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("anonymous: %v", err)
	}
}

func TestMessageWithAKeyIsSentOnce(t *testing.T) {
	r := newRig(t)
	instances := []*instance{r.start(t, nil), r.start(t, nil)}
	req := &messagev1.SendMessageRequest{ToUserId: 2, Content: "once", IdempotencyKey: "k"}
	answers := make([]*messagev1.SendMessageResponse, 8)
	var wg sync.WaitGroup
	for n := range answers {
		wg.Go(func() {
			var err error
			if answers[n], err = instances[n%2].client.SendMessage(as(t.Context(), 1), req); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, a := range answers[1:] {
		if diff := cmp.Diff(answers[0], a, protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
	}
	if n := len(instances[0].conversation(t, 2, 1)); n != 1 {
		t.Errorf("sent %d times", n)
	}
	var kept int
	if err := r.db.RW().QueryRow(t.Context(), `SELECT count(*) FROM idempotency WHERE position('once'::bytea IN answer) > 0`).Scan(&kept); err != nil || kept != 0 {
		t.Errorf("the content is kept with the key: %d, %v", kept, err)
	}
	other := &messagev1.SendMessageRequest{ToUserId: 3, Content: "once", IdempotencyKey: "k"}
	if _, err := instances[0].client.SendMessage(as(t.Context(), 1), other); fault.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("same key, other receiver: %v", err)
	}
}
