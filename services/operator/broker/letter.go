package broker

import (
	"context"

	"douyin.dev/services/platform/bus"
)

// Letters counts the dead letters of a topic whose dead-letter twin exists.
func (b *Broker) Letters(ctx context.Context, topic string) (bus.Letters, error) {
	return b.bus.Letters(ctx, topic)
}

// ReplayUntil replays some of the letters that come before the letter until.
func (b *Broker) ReplayUntil(ctx context.Context, topic string, until int64, limit int) (bus.ReplayStep, error) {
	return b.bus.ReplayUntil(ctx, topic, until, limit)
}
