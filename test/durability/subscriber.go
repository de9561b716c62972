package durability

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"douyin.dev/test/harness"
)

// subscribers is how many actors listen to their messages.
const subscribers = 8

// subscription is one actor's stream of messages across reconnects.
type subscription struct {
	actor *actor

	mu     sync.Mutex
	got    []Row
	cursor string
}

// subscribe lets some actors listen from the first message on, until ctx ends.
func (w *World) subscribe(ctx context.Context) (wait func()) {
	var listening sync.WaitGroup
	for _, a := range w.actors[:min(subscribers, len(w.actors))] {
		s := &subscription{actor: a, cursor: "0"}
		w.subscriptions = append(w.subscriptions, s)
		listening.Go(func() {
			for ctx.Err() == nil {
				s.listen(ctx)
				pause(ctx, 50*time.Millisecond)
			}
		})
	}
	return listening.Wait
}

// listen reads one stream to its end.
func (s *subscription) listen(ctx context.Context) {
	res, err := s.actor.client.Open(ctx, harness.Call{Path: "/douyin/message/stream", Query: url.Values{"after": {s.cursor}}})
	if err != nil {
		return // down
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	event := map[string]string{}
	for lines.Scan() {
		if line := lines.Text(); line != "" {
			name, value, _ := strings.Cut(line, ":")
			event[name] = strings.TrimPrefix(value, " ")
			continue
		}
		var m harness.Message
		if event["event"] == "message" && json.Unmarshal([]byte(event["data"]), &m) == nil {
			s.mu.Lock()
			s.got = append(s.got, Row{ID: m.ID, Author: m.FromUserID, Target: m.ToUserID, Text: m.Content})
			s.cursor = event["id"]
			s.mu.Unlock()
		}
		event = map[string]string{}
	}
}

// Streams ends the subscriptions once they have as many messages as the state,
// or after a while, and returns what they got.
func (w *World) Streams(ctx context.Context, s State) []Stream {
	const catchUp = 20 * time.Second
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	var all []Stream
	for _, sub := range w.subscriptions {
		for want := messagesOf(s, sub.actor.id); ctx.Err() == nil && sub.count() < want; {
			pause(ctx, 20*time.Millisecond)
		}
	}
	w.unsubscribe()
	for _, sub := range w.subscriptions {
		all = append(all, Stream{User: sub.actor.id, Messages: sub.got})
	}
	return all
}

func (s *subscription) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got)
}

// messagesOf counts the messages that a user sent or received.
func messagesOf(s State, user int64) (n int) {
	for _, conversation := range s.Conversations {
		for _, m := range conversation.First {
			if m.Author == user || m.Target == user {
				n++
			}
		}
	}
	return n
}
