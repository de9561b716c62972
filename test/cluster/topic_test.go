package cluster

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// topic narrows a topic by hand: the operator tells and widens it, and what
// happens meanwhile is counted.
func (l *life) topic(t *testing.T) {
	ctx := t.Context()
	check(t, l.deploy(ctx, l.deployed(t, deployment{tag: firstTag, unlimited: true, set: watched})))
	check(t, l.settle(ctx))
	c, err := gather(ctx, l.base(t))
	check(t, err)
	// Enough that what comes after the topic was made anew is not as much again.
	check(t, c.like(ctx, 10*time.Second))
	check(t, poll(ctx, catchUp, c.counted))
	var before eventStream
	check(t, poll(ctx, readyWithin, func(ctx context.Context) error {
		before = eventStream{}
		err := l.get(ctx, &before, "eventstream", stream)
		if s := before.Status; err == nil && (s.Partitions < 2 || s.Lag > 0 || holds(s.Conditions, "Ready") == "") {
			err = fmt.Errorf("status %+v", s)
		}
		return err
	}))

	began := time.Now()
	check(t, l.narrow(ctx, likes))
	check(t, c.like(ctx, 0))
	var after eventStream
	check(t, poll(ctx, catchUp, func(ctx context.Context) error {
		after = eventStream{}
		err := l.get(ctx, &after, "eventstream", stream)
		if s := after.Status; err == nil && (s.Partitions != before.Status.Partitions || s.Narrowed == nil || holds(s.Conditions, "Drifted") == "") {
			err = fmt.Errorf("status %+v", s)
		}
		return err
	}))
	took := time.Since(began)
	check(t, poll(ctx, catchUp, c.counted))
	s := after.Status
	if s.Narrowed.From != before.Status.Partitions || s.Narrowed.To > 1 || s.DeadLetters > 0 {
		t.Errorf("status %+v", s)
	}
	l.report.add("a topic narrowed by hand", "told, nothing lost", "%s, %d to %d partitions; told and at %d again after %.0f s; the likes meanwhile are counted",
		holds(s.Conditions, "Drifted"), s.Narrowed.From, s.Narrowed.To, s.Partitions, took.Seconds())
}
