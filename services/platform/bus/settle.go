package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
)

// Headers of a dead letter, beside those the message had.
const (
	HeaderOriginTopic     = "origin-topic"
	HeaderOriginPartition = "origin-partition"
	HeaderOriginOffset    = "origin-offset"
	HeaderOriginGroup     = "origin-group"
	HeaderError           = "error"
	// HeaderValueOmitted holds the size of a value too large for the dead topic.
	// The message is still at its origin.
	HeaderValueOmitted = "value-omitted"
)

// settle delivers a batch until it is decided, and commits it. A batch with
// poison in it is settled message by message, each with its own commit. The
// error says that ctx ended or the broker refused the commit.
func (w *worker) settle(ctx context.Context, batch []Message) error {
	err := w.deliver(ctx, batch)
	switch {
	case ctx.Err() != nil && err != nil:
		return ctx.Err()
	case IsPoison(err) && len(batch) > 1:
		for i := range batch {
			if err := w.settle(ctx, batch[i:i+1:i+1]); err != nil {
				return err
			}
		}
		return nil
	case IsPoison(err):
		if err := w.bury(ctx, batch[0], err); err != nil {
			return err
		}
	}
	return w.commitTo(ctx, batch)
}

// deliver calls the handler until it accepts the batch or calls it poison.
func (w *worker) deliver(ctx context.Context, batch []Message) error {
	retry := backoff{min: 50 * time.Millisecond, max: 5 * time.Second}
	w.bus.metrics.delivered(ctx, w.source, len(batch))
	for attempt := 1; ; attempt++ {
		err := w.call(ctx, batch)
		if err == nil || IsPoison(err) || ctx.Err() != nil {
			return err
		}
		w.bus.metrics.retried(ctx, w.source)
		w.bus.metrics.lag(ctx, w.source, w.end-batch[0].Offset, batch[0].Time)
		w.log.WarnContext(ctx, "delivery failed and is retried", "offset", batch[0].Offset, "messages", len(batch), "attempt", attempt, "error", err)
		if !retry.wait(ctx) {
			return ctx.Err()
		}
	}
}

// call gives the handler its own copy of the slice: a handler that sorts or
// filters in place must not change what is retried and committed.
func (w *worker) call(ctx context.Context, batch []Message) error {
	ctx, span := w.bus.startSpan(ctx, w.sub.Group, batch)
	err := guarded(ctx, w.log, w.sub.Handle, append([]Message(nil), batch...))
	endSpan(span, err)
	return err
}

func (w *worker) commitTo(ctx context.Context, batch []Message) error {
	next := batch[len(batch)-1].Offset + 1
	if err := w.commit.CommitOffsets(map[string]map[int]int64{w.from.topic: {w.from.partition: next}}); err != nil {
		return fmt.Errorf("commit offset %d: %w", next, err)
	}
	w.bus.metrics.consumed(ctx, w.source, len(batch))
	return nil
}

// bury publishes a dead letter, for ever until it is acknowledged: the message
// leaves the partition only when it is safe elsewhere.
func (w *worker) bury(ctx context.Context, m Message, cause error) error {
	letter := deadLetterOf(m, w.sub.Group, reason(cause, m))
	retry := backoff{min: 100 * time.Millisecond, max: 5 * time.Second}
	for {
		err := w.bus.publishLetter(ctx, m.Topic, letter)
		if err == nil {
			w.bus.metrics.died(ctx, w.source)
			w.log.ErrorContext(ctx, "message became a dead letter", "offset", m.Offset, "error", letter.Headers[HeaderError])
			return nil
		}
		if errors.Is(err, kafka.MessageSizeTooLarge) && letter.Value != nil {
			letter.Headers[HeaderValueOmitted] = strconv.Itoa(len(letter.Value))
			letter.Value = nil
			continue
		}
		w.log.WarnContext(ctx, "dead letter could not be published and is retried", "offset", m.Offset, "error", err)
		if !retry.wait(ctx) {
			return ctx.Err()
		}
	}
}

// publishLetter makes the dead topic first if nobody has.
func (b *Bus) publishLetter(ctx context.Context, topic string, letter Message) error {
	if err := b.createMissing(ctx, []kafka.TopicConfig{deadSpec(TopicSpec{Name: topic}).config()}); err != nil {
		return err
	}
	return b.Publish(ctx, letter)
}

func deadLetterOf(m Message, group, reason string) Message {
	headers := maps.Clone(m.Headers)
	if headers == nil {
		headers = map[string]string{}
	}
	headers[HeaderOriginTopic] = m.Topic
	headers[HeaderOriginPartition] = strconv.Itoa(m.Partition)
	headers[HeaderOriginOffset] = strconv.FormatInt(m.Offset, 10)
	headers[HeaderOriginGroup] = group
	headers[HeaderError] = reason
	return Message{Topic: DeadTopic(m.Topic), Key: m.Key, Value: m.Value, Headers: headers}
}
