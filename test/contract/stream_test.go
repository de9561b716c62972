package contract_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/test/harness"
)

// arrival is a message a subscriber got, and the cursor after it.
type arrival struct {
	message harness.Message
	cursor  string
}

// subscriber opens a stream after a cursor ("" for from now on) and answers a
// function that waits for the next message. The stream ends with ctx.
type subscriber struct {
	name string
	open func(ctx context.Context, t *testing.T, p *person, after string) func() arrival
}

func subscribers() []subscriber {
	all := []subscriber{{name: "SSE", open: openSSE}}
	for _, p := range protocols() {
		all = append(all, subscriber{name: p.name, open: func(ctx context.Context, t *testing.T, me *person, after string) func() arrival {
			t.Helper()
			return openRPC(ctx, t, p, me, after)
		}})
	}
	return all
}

func openRPC(ctx context.Context, t *testing.T, p protocol, me *person, after string) func() arrival {
	t.Helper()
	request := &apiv1.SubscribeRequest{}
	if after != "" {
		cursor, err := strconv.ParseInt(after, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		request.After = &cursor
	}
	stream := must[*connect.ServerStreamForClient[apiv1.SubscribeResponse]](t)(p.as(me.token).stream.Subscribe(ctx, request))
	return func() arrival {
		t.Helper()
		for stream.Receive() {
			m := stream.Msg().GetMessage()
			if m == nil { // a sign of life
				continue
			}
			return arrival{
				message: harness.Message{
					ID: m.GetId(), ToUserID: m.GetToUserId(), FromUserID: m.GetFromUserId(), Content: m.GetContent(), CreateTime: m.GetCreateTime(),
				},
				cursor: text(stream.Msg().GetCursor()),
			}
		}
		t.Fatalf("the stream ended: %v", stream.Err())
		panic("unreachable")
	}
}

func openSSE(ctx context.Context, t *testing.T, me *person, after string) func() arrival {
	t.Helper()
	query := harness.Values("token", me.token)
	if after != "" {
		query.Set("after", after)
	}
	res, err := shared().Open(ctx, harness.Call{Path: "/douyin/message/stream", Query: query})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if kind := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/event-stream") {
		t.Fatalf("HTTP %d %s, want an event stream", res.StatusCode, kind)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	return func() arrival {
		t.Helper()
		event := map[string]string{}
		for lines.Scan() {
			line := lines.Text()
			if line == "" && event["event"] == "message" {
				return readEvent(t, event)
			}
			if line == "" {
				event = map[string]string{}
				continue
			}
			name, value, _ := strings.Cut(line, ":")
			event[name] = strings.TrimPrefix(value, " ")
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		panic("unreachable")
	}
}

// readEvent reads an event and checks that its data look like an item of /douyin/message/chat.
func readEvent(t *testing.T, event map[string]string) arrival {
	t.Helper()
	a := arrival{cursor: event["id"]}
	if err := json.Unmarshal([]byte(event["data"]), &a.message); err != nil {
		t.Fatalf("%v: %q", err, event["data"])
	}
	want := fmt.Sprintf(`"id":%d,`, a.message.ID)
	if !strings.Contains(strings.ReplaceAll(event["data"], " ", ""), want) && a.message.ID != 0 {
		t.Errorf("no %s in %s", want, event["data"])
	}
	if _, err := strconv.ParseInt(a.cursor, 10, 64); err != nil {
		t.Errorf("id is %q, want a cursor", a.cursor)
	}
	return a
}

// everySubscriber runs a check for each way to subscribe, with two users and a time limit.
func everySubscriber(t *testing.T, check func(ctx context.Context, t *testing.T, s subscriber, me, peer *person)) {
	t.Helper()
	for _, s := range subscribers() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			all := people(t, 2)
			check(ctx, t, s, all[0], all[1])
		})
	}
}

// receive reads so many messages and returns what they say and the last cursor.
func receive(next func() arrival, n int) (said []string, cursor string) {
	for range n {
		a := next()
		said, cursor = append(said, a.message.Content), a.cursor
	}
	return said, cursor
}

func TestSubscriberGetsEarlierThenLiveMessagesBothWays(t *testing.T) {
	t.Parallel()
	everySubscriber(t, func(ctx context.Context, t *testing.T, s subscriber, me, peer *person) {
		peer.say(t, me.id, "1")
		me.say(t, peer.id, "2")
		next := s.open(ctx, t, me, "0")
		if said, _ := receive(next, 2); !slices.Equal(said, []string{"1", "2"}) {
			t.Errorf("got %q, want 1 and 2", said)
		}
		peer.say(t, me.id, "3")
		me.say(t, peer.id, "4")
		first, second := next(), next()
		if first.message.Content != "3" || second.message.Content != "4" {
			t.Errorf("got %q and %q, want 3 and 4", first.message.Content, second.message.Content)
		}
		if listed := me.chat(t, peer.id); first.message != listed[2] || second.message != listed[3] {
			t.Errorf("got %+v and %+v, want what the chat lists: %+v", first.message, second.message, listed[2:])
		}
	})
}

func TestSubscriberMissesNothingAcrossReconnects(t *testing.T) {
	t.Parallel()
	everySubscriber(t, func(ctx context.Context, t *testing.T, s subscriber, me, peer *person) {
		const rounds = 4
		var got, want []string
		cursor := "0"
		for round := range rounds {
			peer.say(t, me.id, fmt.Sprint(round, " while away"))
			connection, disconnect := context.WithCancel(ctx)
			next := s.open(connection, t, me, cursor)
			said, _ := receive(next, 1)
			peer.say(t, me.id, fmt.Sprint(round, " live"))
			live, after := receive(next, 1)
			disconnect()
			got, cursor = append(append(got, said...), live...), after
			want = append(want, fmt.Sprint(round, " while away"), fmt.Sprint(round, " live"))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// A reconnect from an earlier cursor gets again what followed it, and only that.
func TestSubscriberGoesOnAfterItsCursor(t *testing.T) {
	t.Parallel()
	everySubscriber(t, func(ctx context.Context, t *testing.T, s subscriber, me, peer *person) {
		for i := range 4 {
			peer.say(t, me.id, fmt.Sprint(i))
		}
		connection, disconnect := context.WithCancel(ctx)
		_, cursor := receive(s.open(connection, t, me, "0"), 2)
		disconnect()
		if said, _ := receive(s.open(ctx, t, me, cursor), 2); !slices.Equal(said, []string{"2", "3"}) {
			t.Errorf("got %q, want 2 and 3", said)
		}
	})
}

func TestSubscriberGetsNobodyElsesMessages(t *testing.T) {
	t.Parallel()
	everySubscriber(t, func(ctx context.Context, t *testing.T, s subscriber, me, peer *person) {
		other := newPerson(t)
		next := s.open(ctx, t, me, "0")
		other.say(t, peer.id, "not for me")
		peer.say(t, other.id, "neither")
		peer.say(t, me.id, "for me")
		if said, _ := receive(next, 1); said[0] != "for me" {
			t.Errorf("got %q", said)
		}
	})
}

func TestBurstReachesSubscribersInOrderAndOnce(t *testing.T) {
	t.Parallel()
	everySubscriber(t, func(ctx context.Context, t *testing.T, s subscriber, me, peer *person) {
		const each = 8
		next := s.open(ctx, t, me, "0")
		var sending sync.WaitGroup
		defer sending.Wait() // also when this test gives up
		sending.Go(func() {
			for i := range each {
				peer.say(t, me.id, fmt.Sprint("p", i))
				me.say(t, peer.id, fmt.Sprint("m", i))
			}
		})
		var got []int64
		last := int64(0)
		for range 2 * each {
			m := next().message
			if m.CreateTime <= last {
				t.Errorf("message of %d after one of %d", m.CreateTime, last)
			}
			got, last = append(got, m.ID), m.CreateTime
		}
		sending.Wait()
		if want := ids(t, me.mustGet(t, "/douyin/message/chat/", "to_user_id", text(peer.id)), "message_list"); !slices.Equal(got, want) {
			t.Errorf("got %v, want the chat %v", got, want)
		}
	})
}

// Browsers reconnect by themselves with the last event's id in a header.
func TestEventStreamTakesLastEventID(t *testing.T) {
	t.Parallel()
	all := people(t, 2)
	me, peer := all[0], all[1]
	peer.say(t, me.id, "before")
	peer.say(t, me.id, "after")
	first := me.chat(t, peer.id)[0]
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	res, err := me.client.Open(ctx, harness.Call{
		Path: "/douyin/message/stream", Query: harness.Values("after", "0"), Header: http.Header{"Last-Event-Id": {text(first.CreateTime)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data:"); ok {
			if !strings.Contains(data, "after") {
				t.Errorf("got %s, want the message after the header's id", data)
			}
			return
		}
	}
	t.Fatalf("the stream ended: %v", lines.Err())
}

func TestStreamsNeedAToken(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"", "garbage"} {
		refused(t, anonymous().get(t, "/douyin/message/stream", "token", token), 10004)
		for _, p := range protocols() {
			stream, err := p.as(token).stream.Subscribe(t.Context(), &apiv1.SubscribeRequest{})
			if err == nil {
				for stream.Receive() {
					t.Errorf("%s: got %v", p.name, stream.Msg())
				}
				err = stream.Err()
			}
			if connect.CodeOf(err) != connect.CodeUnauthenticated {
				t.Errorf("%s: got %v", p.name, err)
			}
		}
	}
}
