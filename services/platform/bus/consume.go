package bus

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	// A member that died is noticed after sessionTimeout; a rebalance by the
	// other members at their next heartbeat.
	sessionTimeout    = 10 * time.Second
	heartbeatInterval = time.Second
	// rebalanceTimeout is how long the group waits for members whose handlers
	// have to stop.
	rebalanceTimeout = 30 * time.Second
	// watchInterval is how often topics are compared with the subscription.
	watchInterval = 500 * time.Millisecond
	// leaveGrace is how long leaving a group may take before its connections
	// are cut: joining blocks for as long as other members take.
	leaveGrace = 3 * time.Second
)

// errTopicsChanged ends a membership whose topics are no longer those that exist.
var errTopicsChanged = errors.New("topics changed")

// Consume implements Consumer.
func (b *Bus) Consume(ctx context.Context, sub Subscription) error {
	if err := sub.check(); err != nil {
		return err
	}
	ctx, leave, err := b.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	for ctx.Err() == nil {
		topics, err := b.awaitTopics(ctx, sub)
		if err != nil {
			return nil // ctx ended
		}
		b.member(ctx, sub, topics)
	}
	return nil
}

// topicsUsuallyWithin is how long a consumer waits for its topics without a word: on a
// first start they are made a moment later.
const topicsUsuallyWithin = 10 * time.Second

// awaitTopics returns those of the subscription's topics that exist, as soon as one does.
func (b *Bus) awaitTopics(ctx context.Context, sub Subscription) ([]string, error) {
	ticker := time.NewTicker(watchInterval / 2)
	defer ticker.Stop()
	logged, began := false, time.Now()
	for {
		counts, err := b.partitions(ctx, sub.Topics...)
		if len(counts) > 0 {
			return slices.Sorted(maps.Keys(counts)), nil
		}
		if !logged && ctx.Err() == nil && time.Since(began) > topicsUsuallyWithin {
			b.log.WarnContext(ctx, "consumer waits for its topics", "group", sub.Group, "topics", sub.Topics, "error", err)
			logged = true
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticker.C:
		}
	}
}

// member takes part in the group with a set of topics until ctx ends or the set changes.
func (b *Bus) member(ctx context.Context, sub Subscription, topics []string) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lines := &dialer{connect: b.config.Security.dial}
	balancer := &spread{}
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID:      sub.Group,
		Brokers: b.config.Brokers,
		Dialer: &kafka.Dialer{
			ClientID: b.config.ClientID, Timeout: dialTimeout, DialFunc: lines.dial,
			SASLMechanism: b.config.Security.SASL,
		},
		Topics:            topics,
		GroupBalancers:    []kafka.GroupBalancer{balancer},
		HeartbeatInterval: heartbeatInterval,
		SessionTimeout:    sessionTimeout,
		RebalanceTimeout:  rebalanceTimeout,
		JoinGroupBackoff:  time.Second,
		StartOffset:       kafka.FirstOffset,
		// WatchPartitionChanges stays off: it ends a generation at once, and
		// again and again, while a topic is missing. See watch.
	})
	if err != nil {
		b.log.ErrorContext(ctx, "consumer cannot join its group", "group", sub.Group, "error", err)
		(&backoff{min: time.Second, max: time.Second}).wait(ctx)
		return
	}
	defer lines.closeGroup(group)
	failing := false
	for {
		generation, err := group.Next(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if !failing && !errors.Is(err, kafka.RebalanceInProgress) {
				b.log.WarnContext(ctx, "consumer lost its group and joins again", "group", sub.Group, "error", err)
				failing = true
			}
			continue // the group itself waits between attempts
		}
		failing = false
		b.startGeneration(ctx, cancel, sub, topics, generation, balancer.takeAssigned())
	}
}

// startGeneration runs a worker for each partition assigned to this member.
// They end with the generation, which waits for them before it lets the
// partitions go.
func (b *Bus) startGeneration(ctx context.Context, changed context.CancelCauseFunc, sub Subscription, topics []string, g *kafka.Generation, assigned map[string]int) {
	n := 0
	for topic, partitions := range g.Assignments {
		for _, p := range partitions {
			n++
			w := newWorker(b, sub, g, topic, p.ID, p.Offset)
			g.Start(func(ended context.Context) { bound(ctx, ended, w.run) })
		}
	}
	g.Start(func(ended context.Context) {
		bound(ctx, ended, func(ctx context.Context) { b.watch(ctx, changed, sub, topics, assigned) })
	})
	b.log.InfoContext(ctx, "consumer joined its group", "group", sub.Group, "generation", g.ID, "partitions", n, "leads", assigned != nil)
}

// bound runs a function of a generation under a context that ends with either.
// A function that returns ends the generation for all. That is what it wants
// when it returns by itself, but not when the consumer is leaving: the group
// would join again just before it goes.
func bound(ctx, ended context.Context, run func(context.Context)) {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ended, cancel)()
	run(inner)
	if ctx.Err() != nil {
		<-ended.Done()
	}
}

// watch returns, which makes the group join again, when the leader assigned
// other partitions than there are, and calls changed when a topic of the
// subscription came into being or went. Both must be seen twice: brokers learn
// of a change one after the other.
func (b *Bus) watch(ctx context.Context, changed context.CancelCauseFunc, sub Subscription, topics []string, assigned map[string]int) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	strikes := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		counts, err := b.partitions(ctx, sub.Topics...)
		if err != nil {
			continue
		}
		otherTopics := !slices.Equal(slices.Sorted(maps.Keys(counts)), topics)
		if !otherTopics && !outdated(assigned, counts) {
			strikes = 0
			continue
		}
		if strikes++; strikes < 2 {
			continue
		}
		if otherTopics {
			changed(errTopicsChanged)
		}
		return
	}
}

// outdated compares what this member assigned as the leader; others know nothing.
func outdated(assigned, counts map[string]int) bool {
	if assigned == nil {
		return false
	}
	for topic, n := range counts {
		if assigned[topic] != n {
			return true
		}
	}
	return false
}
