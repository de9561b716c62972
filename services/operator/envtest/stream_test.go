//go:build envtest

package envtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"douyin.dev/services/operator/api/v1alpha1"
	"douyin.dev/services/operator/broker"
	"douyin.dev/services/platform/bus"
)

const month = 30 * 24 * time.Hour

func TestTheAPIServerRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for says, edit := range map[string]func(*v1alpha1.EventStreamSpec){
		"greater than or equal to 1":     func(s *v1alpha1.EventStreamSpec) { s.Partitions = 0 },
		"retention must be longer":       func(s *v1alpha1.EventStreamSpec) { s.Retention.Duration = 0 },
		"spec.retention":                 func(s *v1alpha1.EventStreamSpec) { s.Retention.Duration = -time.Hour },
		"spec.deadLetter.retention":      func(s *v1alpha1.EventStreamSpec) { s.DeadLetter.Retention.Duration = -time.Hour },
		"must not end in .dead":          func(s *v1alpha1.EventStreamSpec) { s.Topic += ".dead" },
		"spec.topic":                     func(s *v1alpha1.EventStreamSpec) { s.Topic = "with space" },
		"spec.replication":               func(s *v1alpha1.EventStreamSpec) { s.Replication = -1 },
		`supported values: "Retain", "D`: func(s *v1alpha1.EventStreamSpec) { s.DeletionPolicy = "Forget" },
		"spec.consumerGroups":            func(s *v1alpha1.EventStreamSpec) { s.ConsumerGroups = []string{"a", "a"} },
		"Too long":                       func(s *v1alpha1.EventStreamSpec) { s.Replay = strings.Repeat("x", 254) },
	} {
		s := w.stream("bad", nil)
		edit(&s.Spec)
		if err := w.Create(t.Context(), s); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	s := w.stream("good", func(s *v1alpha1.EventStream) { s.Spec.Partitions = 4 })
	must(t, w.Create(t.Context(), s))
	if s.Spec.DeletionPolicy != v1alpha1.DeletionRetain || s.Spec.DeadLetter.Retention.Duration != month {
		t.Errorf("defaults: %+v", s.Spec)
	}
	for says, edit := range map[string]func(*v1alpha1.EventStreamSpec){
		"partitions cannot be fewer": func(s *v1alpha1.EventStreamSpec) { s.Partitions = 3 },
		"topic cannot be changed":    func(s *v1alpha1.EventStreamSpec) { s.Topic += "x" },
	} {
		changed := s.DeepCopy()
		edit(&changed.Spec)
		if err := w.Update(t.Context(), changed); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	s.Spec.Partitions = 5
	must(t, w.Update(t.Context(), s))
}

func TestATopicIsMadeWidenedAndKeptAsDeclared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.operate(t)
	s := w.stream("likes", func(s *v1alpha1.EventStream) { s.Spec.ConsumerGroups = []string{"g-" + w.topic} })
	must(t, w.Create(t.Context(), s))
	awaits(t, w, s, asDeclared)
	w.topics(t, &broker.Topic{Partitions: 2, Replication: 1, Retention: time.Hour}, &broker.Topic{Partitions: 1, Replication: 1, Retention: month})
	w.publish(t, 20)
	w.bury(t, 3)
	awaits(t, w, s, func(s *v1alpha1.EventStream) error {
		st := s.Status
		if st.Records != 20 || st.Lag != 20 || st.OldestUnprocessed == nil || st.DeadLetters != 3 || st.UnreplayedLetters != 3 || len(st.Groups) != 1 {
			return fmt.Errorf("status %+v", st)
		}
		return nil
	})
	if age := time.Since(s.Status.OldestUnprocessed.Time); age < 0 || age > 10*time.Minute {
		t.Errorf("the oldest record is %v old", age)
	}
	change(t, w, s, func(s *v1alpha1.EventStream) {
		s.Spec.Partitions, s.Spec.Retention.Duration, s.Spec.DeadLetter.Retention.Duration = 6, 2*time.Hour, 3*time.Hour
	})
	w.topics(t, &broker.Topic{Partitions: 6, Replication: 1, Retention: 2 * time.Hour}, &broker.Topic{Partitions: 1, Replication: 1, Retention: 3 * time.Hour})
	awaits(t, w, s, asDeclared)
	if n := w.records(t); n != 20 {
		t.Errorf("%d records, want all 20", n)
	}
}

func TestDriftIsToldAndLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.operate(t)
	s := w.stream("likes", nil)
	must(t, w.Create(t.Context(), s))
	awaits(t, w, s, asDeclared)
	must(t, w.kafka.Widen(t.Context(), w.topic, 5))
	awaits(t, w, s, func(s *v1alpha1.EventStream) error {
		return is(s.Status.Conditions, v1alpha1.StreamDrifted, metav1.ConditionTrue, "MorePartitions")
	})
	change(t, w, s, func(s *v1alpha1.EventStream) { s.Spec.Partitions, s.Spec.Replication = 5, 3 })
	awaits(t, w, s, func(s *v1alpha1.EventStream) error {
		return is(s.Status.Conditions, v1alpha1.StreamDrifted, metav1.ConditionTrue, "OtherReplication")
	})
	w.topics(t, &broker.Topic{Partitions: 5, Replication: 1, Retention: time.Hour}, &broker.Topic{Partitions: 1, Replication: 1, Retention: month})
}

func TestATopicNarrowedByHandIsToldAndWidenedWithoutLoss(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.operate(t)
	s := w.stream("likes", func(s *v1alpha1.EventStream) { s.Spec.Partitions = 4 })
	must(t, w.Create(t.Context(), s))
	awaits(t, w, s, asDeclared)
	awaits(t, w, s, func(s *v1alpha1.EventStream) error {
		if s.Status.Partitions != 4 {
			return fmt.Errorf("%d partitions", s.Status.Partitions)
		}
		return nil
	})
	must(t, w.kafka.Delete(t.Context(), w.topic))
	eventually(t, func(ctx context.Context) error {
		return w.kafka.Create(ctx, bus.TopicSpec{Name: w.topic, Partitions: 1, Replication: 1, Retention: time.Hour})
	})
	w.publish(t, 30)
	awaits(t, w, s, func(s *v1alpha1.EventStream) error {
		if n := s.Status.Narrowed; n == nil || n.From != 4 || n.To > 1 {
			return fmt.Errorf("narrowed: %+v", n)
		}
		if s.Status.Partitions != 4 {
			return fmt.Errorf("%d partitions", s.Status.Partitions)
		}
		return asDeclared(s)
	})
	if c := s.Status.Narrowed; c.To == 1 {
		must(t, is(s.Status.Conditions, v1alpha1.StreamDrifted, metav1.ConditionTrue, "NarrowedByHand"))
	}
	if n := w.records(t); n != 30 {
		t.Errorf("%d records, want all 30", n)
	}
}

func TestATopicDeletedByHandIsMadeAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.operate(t)
	s := w.stream("likes", nil)
	must(t, w.Create(t.Context(), s))
	awaits(t, w, s, asDeclared)
	awaits(t, w, s, func(s *v1alpha1.EventStream) error {
		if s.Status.Partitions != 2 {
			return fmt.Errorf("%d partitions", s.Status.Partitions)
		}
		return nil
	})
	must(t, w.kafka.Delete(t.Context(), w.topic))
	awaits(t, w, s, func(s *v1alpha1.EventStream) error {
		return is(s.Status.Conditions, v1alpha1.StreamDrifted, metav1.ConditionTrue, "DeletedByHand")
	})
	w.topics(t, &broker.Topic{Partitions: 2, Replication: 1, Retention: time.Hour}, &broker.Topic{Partitions: 1, Replication: 1, Retention: month})
}

func TestOnlyThePolicyDeletesTopics(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		policy v1alpha1.DeletionPolicy
		gone   bool
	}{"Retain": {v1alpha1.DeletionRetain, false}, "Delete": {v1alpha1.DeletionDelete, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.operate(t)
			s := w.stream("likes", func(s *v1alpha1.EventStream) { s.Spec.DeletionPolicy = tt.policy })
			must(t, w.Create(t.Context(), s))
			awaits(t, w, s, asDeclared)
			// A second stream of the same topic may not touch it, whatever it says.
			thief := w.stream("thief", func(s *v1alpha1.EventStream) { s.Spec.DeletionPolicy, s.Spec.Partitions = v1alpha1.DeletionDelete, 9 })
			must(t, w.Create(t.Context(), thief))
			awaits(t, w, thief, func(s *v1alpha1.EventStream) error {
				return is(s.Status.Conditions, v1alpha1.StreamReady, metav1.ConditionFalse, "TopicTaken")
			})
			must(t, w.Delete(t.Context(), thief))
			w.gone(t, thief)
			topic, twin := &broker.Topic{Partitions: 2, Replication: 1, Retention: time.Hour}, &broker.Topic{Partitions: 1, Replication: 1, Retention: month}
			w.topics(t, topic, twin)
			must(t, w.Delete(t.Context(), s))
			w.gone(t, s)
			if tt.gone {
				topic, twin = nil, nil
			}
			w.topics(t, topic, twin)
		})
	}
}

// gone waits until an object is.
func (w *world) gone(t *testing.T, object client.Object) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := w.Get(ctx, client.ObjectKeyFromObject(object), object); !apierrors.IsNotFound(err) {
			return fmt.Errorf("%s is still there: %v", object.GetName(), err)
		}
		return nil
	})
}

func replayed(request string, n int64) func(*v1alpha1.EventStream) error {
	return func(s *v1alpha1.EventStream) error {
		r := s.Status.Replay
		if r == nil || r.Request != request || r.Phase != v1alpha1.ReplayDone {
			return fmt.Errorf("replay %+v", r)
		}
		if r.Total != n || r.Replayed != n || r.Lost != 0 {
			return fmt.Errorf("replay %+v, want %d", r, n)
		}
		return nil
	}
}

func TestDeadLettersAreReplayedOncePerRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.operate(t)
	s := w.stream("likes", nil)
	must(t, w.Create(t.Context(), s))
	awaits(t, w, s, asDeclared)
	w.bury(t, 250)
	awaits(t, w, s, func(s *v1alpha1.EventStream) error {
		if s.Status.UnreplayedLetters != 250 {
			return fmt.Errorf("%d letters", s.Status.UnreplayedLetters)
		}
		return nil
	})
	ask := func(with string) func(*v1alpha1.EventStream) {
		return func(s *v1alpha1.EventStream) { s.Annotations = map[string]string{v1alpha1.ReplayAnnotation: with} }
	}
	change(t, w, s, ask("monday"))
	awaits(t, w, s, replayed("monday", 250))
	w.bury(t, 5)
	// The same request asks for nothing new.
	change(t, w, s, func(s *v1alpha1.EventStream) { ask("monday")(s); s.Labels = map[string]string{"touched": "yes"} })
	awaits(t, w, s, func(s *v1alpha1.EventStream) error {
		if s.Status.UnreplayedLetters != 5 {
			return fmt.Errorf("%d letters", s.Status.UnreplayedLetters)
		}
		return nil
	})
	if n := w.records(t); n != 250 {
		t.Errorf("%d records replayed, want 250", n)
	}
	change(t, w, s, func(s *v1alpha1.EventStream) { s.Annotations, s.Spec.Replay = nil, "tuesday" })
	awaits(t, w, s, replayed("tuesday", 5))
	if n := w.records(t); n != 255 {
		t.Errorf("%d records replayed, want 255", n)
	}
}

// Two operators and a kill -9 of the leader in the middle of a replay: the other
// goes on, and every letter comes once. The letter under way may come twice, with
// the same event id.
func TestAReplaySurvivesTheDeathOfItsOperator(t *testing.T) {
	t.Parallel()
	const letters = 1500
	w := newWorld(t)
	first := w.operate(t)
	s := w.stream("likes", nil)
	must(t, w.Create(t.Context(), s))
	awaits(t, w, s, asDeclared)
	leader := w.leader(t, "")
	w.operate(t)
	w.bury(t, letters)
	change(t, w, s, func(s *v1alpha1.EventStream) { s.Spec.Replay = "monday" })
	awaits(t, w, s, func(s *v1alpha1.EventStream) error {
		if r := s.Status.Replay; r == nil || r.Replayed == 0 {
			return fmt.Errorf("replay %+v", r)
		}
		return nil
	})
	first.kill()
	must(t, w.Get(t.Context(), client.ObjectKeyFromObject(s), s))
	if s.Status.Replay.Phase != v1alpha1.ReplayRunning {
		t.Fatalf("the replay was over before the kill: %+v", s.Status.Replay)
	}
	t.Logf("killed after %d letters", s.Status.Replay.Replayed)
	w.leader(t, leader)
	awaits(t, w, s, replayed("monday", letters))
	if n := w.records(t); n < letters || n > letters+1 {
		t.Errorf("%d records replayed, want %d", n, letters)
	}
	if left := s.Status.UnreplayedLetters; left != 0 {
		t.Errorf("%d letters left", left)
	}
}

// leader waits for a leader other than before, and returns it.
func (w *world) leader(t *testing.T, before string) string {
	t.Helper()
	var holder string
	eventually(t, func(ctx context.Context) error {
		var leases coordinationv1.LeaseList
		if err := w.List(ctx, &leases, client.InNamespace(w.namespace)); err != nil {
			return err
		}
		for _, l := range leases.Items {
			if h := l.Spec.HolderIdentity; h != nil && *h != "" && *h != before {
				holder = *h
				return nil
			}
		}
		return fmt.Errorf("no leader but %q", before)
	})
	return holder
}
