package bus

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Headers every message of the platform knows.
const (
	// HeaderEventID names an event for ever: a replay carries the same.
	HeaderEventID = "event-id"
	// HeaderTraceparent is the W3C trace context of what caused the message.
	HeaderTraceparent = "traceparent"
)

// Message is a record of a topic.
type Message struct {
	Topic string
	// Key is the entity whose order matters. Messages without a key share a partition.
	Key     []byte
	Value   []byte
	Headers map[string]string

	// Partition, Offset and Time (of publishing) are set on delivery and ignored by Publish.
	Partition int
	Offset    int64
	Time      time.Time
}

// Publisher sends messages.
type Publisher interface {
	// Publish returns nil when all replicas have every message. After an error
	// some of them may be there: publish all of them again, in the same order.
	Publish(ctx context.Context, messages ...Message) error
}

// Consumer delivers messages.
type Consumer interface {
	// Consume delivers to sub.Handle until ctx ends, and then returns nil. It
	// returns an error only for a subscription that can never work.
	Consume(ctx context.Context, sub Subscription) error
}

// Subscription says what is delivered, and to whom.
type Subscription struct {
	// Group shares the work: each message goes to one member. A new group
	// begins with the first message kept.
	Group  string
	Topics []string
	// BatchSize is the most messages Handle gets at once; 0 means 100.
	BatchSize int
	// BatchWait is how long a batch that is not full waits for more; 0 means not at all.
	BatchWait time.Duration
	// Handle applies messages of one partition, in order. Nil commits them. An
	// error delivers them again, for ever; an error marked with Poison, or a
	// panic, first delivers them one by one, and the single message that is
	// still poison becomes a dead letter.
	//
	// Handle is called by one goroutine per partition. When ctx ends the
	// partition is about to go to another member: return soon.
	Handle func(ctx context.Context, batch []Message) error
}

const defaultBatchSize = 100

func (s *Subscription) check() error {
	switch {
	case s.Group == "":
		return errors.New("subscription without a group")
	case len(s.Topics) == 0:
		return fmt.Errorf("subscription of %s without topics", s.Group)
	case s.Handle == nil:
		return fmt.Errorf("subscription of %s without a handler", s.Group)
	case s.BatchSize < 0:
		return fmt.Errorf("subscription of %s: batch size %d", s.Group, s.BatchSize)
	}
	if s.BatchSize == 0 {
		s.BatchSize = defaultBatchSize
	}
	return nil
}
