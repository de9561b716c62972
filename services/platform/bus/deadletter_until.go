package bus

import (
	"context"
	"errors"
)

// Letters is what the dead twin of a topic holds.
type Letters struct {
	// End is what the next letter will be called: every letter there is comes before it.
	End int64
	// Kept is how many there are, Unreplayed how many of them were not replayed.
	Kept, Unreplayed int64
}

// Letters counts the dead letters of a topic.
func (b *Bus) Letters(ctx context.Context, topic string) (Letters, error) {
	done, err := b.replayProgress(ctx, topic)
	if err != nil {
		return Letters{}, err
	}
	first, end, err := b.awaitOffsets(ctx, graveyard(topic))
	if err != nil {
		return Letters{}, err
	}
	return Letters{End: end, Kept: end - first, Unreplayed: done.left(end)}, nil
}

// ReplayStep is what one call of ReplayUntil did.
type ReplayStep struct {
	// Replayed letters of this call.
	Replayed int
	// Left is how many letters before the bound are not replayed, lost ones included.
	Left int64
	// Lost letters were met that can never be replayed: they were too large to
	// hold their value, and their origin is gone.
	Lost int64
	// Done says that nothing but lost letters is left.
	Done bool
}

// ReplayUntil replays at most limit letters of a topic that come before the
// letter until and were not replayed yet, oldest first. Called again it goes on
// where the last call ended, also in another process. The bound keeps a letter
// that dies again from being replayed for ever.
func (b *Bus) ReplayUntil(ctx context.Context, topic string, until int64, limit int) (ReplayStep, error) {
	done, err := b.replayProgress(ctx, topic)
	if err != nil {
		return ReplayStep{}, err
	}
	step := ReplayStep{Done: true}
	err = b.scan(ctx, graveyard(topic), done.Next, func(m Message) error {
		switch {
		case m.Offset >= until:
			return errStop
		case done.has(m.Offset):
			return nil
		case step.Replayed >= limit:
			step.Done = false
			return errStop
		}
		err := b.replay(ctx, topic, m, done)
		switch {
		case err == nil:
			step.Replayed++
		case errors.Is(err, ErrValueGone):
			step.Lost++
			return nil
		}
		return err
	})
	step.Left = done.left(until)
	if err != nil {
		step.Done = false
	}
	return step, err
}

// left is how many letters before the letter until were not replayed.
func (r *replayed) left(until int64) int64 {
	n := max(until-r.Next, 0)
	for _, a := range r.Ahead {
		n -= max(min(a[1], until)-a[0], 0)
	}
	return max(n, 0)
}
