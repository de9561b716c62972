package message

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"douyin.dev/services/platform/pause"
)

const (
	// wakeChannel carries ids of users with new messages, decimal, separated by spaces.
	wakeChannel = "douyin:message:wake"
	// wakeChunk is how many ids one wake-up carries at most.
	wakeChunk = 1000
	// publishTimeout bounds one wake-up; a later one is worth no more than a poll.
	publishTimeout = time.Second
	// listenAgain is the pause before listening again after a failure.
	listenAgain = time.Second
)

// publishLoop announces commits of this process to the others.
func (h *hub) publishLoop(ctx context.Context) {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.publish:
		}
		for users := range slices.Chunk(h.takePending(), wakeChunk) {
			err := h.publishTo(ctx, users)
			if err != nil && !failing && ctx.Err() == nil {
				h.log.WarnContext(ctx, "wake-ups cannot be published, subscribers elsewhere poll", "error", err)
			}
			failing = err != nil
		}
	}
}

func (h *hub) publishTo(ctx context.Context, users []int64) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	return h.redis.Do(ctx, h.redis.B().Publish().Channel(wakeChannel).Message(encodeWake(users)).Build()).Error()
}

// listenLoop wakes subscribers for commits of other processes. It has a
// connection of its own: a Redis that does not speak RESP3 in full takes no
// other command on one that subscribed, and the others are shared.
func (h *hub) listenLoop(ctx context.Context) {
	for ctx.Err() == nil {
		err := h.redis.Dedicated(func(own rueidis.DedicatedClient) error {
			return own.Receive(ctx, own.B().Subscribe().Channel(wakeChannel).Build(), func(m rueidis.PubSubMessage) {
				h.wake(decodeWake(m.Message))
			})
		})
		if ctx.Err() != nil {
			return
		}
		h.log.WarnContext(ctx, "wake-ups cannot be heard, subscribers poll meanwhile", "error", err)
		pause.For(ctx, listenAgain)
	}
}

func encodeWake(users []int64) string {
	var b []byte
	for _, u := range users {
		b = strconv.AppendInt(append(b, ' '), u, 10)
	}
	return string(b)
}

// decodeWake leaves out what is no id: a wake-up is only a hint.
func decodeWake(text string) []int64 {
	var users []int64
	for word := range strings.FieldsSeq(text) {
		if u, err := strconv.ParseInt(word, 10, 64); err == nil {
			users = append(users, u)
		}
	}
	return users
}
