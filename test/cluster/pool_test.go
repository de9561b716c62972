package cluster

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// sizing follows the counting workers and their backlog.
type sizing struct {
	*life
	sizes []int // that were asked for, one after the other
	most  int64 // records to do
	last  pool
}

// reach waits until the pool is as wanted.
func (s *sizing) reach(t *testing.T, what string, wanted func(workers) bool) {
	t.Helper()
	check(t, poll(t.Context(), scaledWithin, func(ctx context.Context) error {
		s.last = pool{}
		if err := s.get(ctx, &s.last, "workerpool", counting); err != nil {
			return err
		}
		w, err := s.workers(ctx)
		if err != nil {
			return err
		}
		if len(s.sizes) == 0 || w.asked != s.sizes[len(s.sizes)-1] {
			s.sizes = append(s.sizes, w.asked)
		}
		if s.most = max(s.most, s.last.Status.Backlog); !wanted(w) {
			return fmt.Errorf("%d workers are asked for and %d ready with %d records to do, want %s; so far %v of %d; %v",
				w.asked, w.ready, s.last.Status.Backlog, what, s.sizes, s.most, s.last.Status.Conditions)
		}
		return nil
	}))
}

// pool lets two operators size the workers that count: from one to four while
// they are behind, and back. The operator that leads is deleted on the way, and
// somebody else sizes the Deployment, too.
func (l *life) pool(t *testing.T) {
	ctx := t.Context()
	check(t, l.deploy(ctx, l.deployed(t, deployment{tag: firstTag, unlimited: true, set: append(slowly, "services.counter-worker.replicas=0")})))
	check(t, l.settle(ctx))
	c, err := gather(ctx, l.base(t))
	check(t, err)
	check(t, c.like(ctx, backlogFor))

	began := time.Now()
	check(t, l.deploy(ctx, l.deployed(t, deployment{tag: firstTag, unlimited: true, set: pooled, unwatched: true})))
	s := &sizing{life: l}
	s.reach(t, "four asked for", func(w workers) bool { return w.asked == mostWorkers })
	left := s.last.Status.Backlog
	if left == 0 {
		t.Error("nothing was left to do when four were asked for")
	}
	old, err := l.leader(ctx)
	check(t, err)
	_, err = l.ctl(ctx, "delete", "pod", old, "--wait=false")
	check(t, err)
	s.reach(t, "four ready", func(w workers) bool { return w.asked == mostWorkers && w.ready == mostWorkers })
	up := time.Since(began)
	check(t, poll(ctx, readyWithin, func(ctx context.Context) error {
		leader, err := l.leader(ctx)
		if err == nil && (leader == old || leader == "") {
			err = fmt.Errorf("%q leads", leader)
		}
		return err
	}))

	_, err = l.ctl(ctx, "scale", "deployment", counting, "--replicas=2")
	check(t, err)
	s.reach(t, "the edit by hand told and undone", func(w workers) bool {
		return w.asked == mostWorkers && holds(s.last.Status.Conditions, "Contended") != ""
	})
	by := s.last.Status.Conflict.Manager
	s.reach(t, "one", func(w workers) bool { return w.asked == 1 && w.ready == 1 })
	took := time.Since(began)
	check(t, poll(ctx, catchUp, c.counted))
	l.report.add("a counter pool from a backlog", "1, 4, 1; nothing lost",
		"asked for %v; four ready after %.0f s, one after %.0f s; backlog %d; leader deleted with %d to do; size set by %s undone; %d changes of likes, all counted",
		s.sizes, up.Seconds(), took.Seconds(), s.most, left, by, c.calls.Load())
}
