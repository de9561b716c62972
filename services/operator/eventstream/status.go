package eventstream

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"douyin.dev/services/operator/api/v1alpha1"
	"douyin.dev/services/operator/broker"
	"douyin.dev/services/platform/bus"
)

// narrowedFor is how long a loss of partitions is told, though it was mended.
const narrowedFor = 24 * time.Hour

// Progress is what was seen of the records of a stream.
type Progress struct {
	Records int64
	Groups  []v1alpha1.GroupStatus
	Letters bus.Letters
}

// observed returns the status after a look. What the operator remembers in the
// status (replay, narrowing) stays.
func observed(before v1alpha1.EventStreamStatus, stream *v1alpha1.EventStream, look Look, p Progress) v1alpha1.EventStreamStatus {
	s := *before.DeepCopy()
	s.ObservedGeneration = stream.Generation
	s.Partitions, s.Replication, s.Retention = 0, 0, nil
	if t := look.Topic; t != nil {
		s.Partitions, s.Replication = t.Partitions, t.Replication
		s.Retention = &metav1.Duration{Duration: t.Retention}
	}
	s.Records, s.Groups = p.Records, p.Groups
	s.Lag, s.OldestUnprocessed = 0, nil
	for _, g := range p.Groups {
		s.Lag = max(s.Lag, g.Lag)
		s.OldestUnprocessed = earlier(s.OldestUnprocessed, g.OldestUnprocessed)
	}
	s.DeadLetters, s.UnreplayedLetters = p.Letters.Kept, p.Letters.Unreplayed
	return s
}

func earlier(a, b *metav1.Time) *metav1.Time {
	if a == nil || b != nil && b.Before(a) {
		return b
	}
	return a
}

// groupStatus sums up the positions of a group. published is when the record
// each position reads next was published, the zero time for none.
func groupStatus(group string, positions []broker.Position, published []time.Time) v1alpha1.GroupStatus {
	s := v1alpha1.GroupStatus{Group: group, Lag: broker.Backlog(positions)}
	for _, at := range published {
		if !at.IsZero() {
			// Statuses hold whole seconds.
			s.OldestUnprocessed = earlier(s.OldestUnprocessed, &metav1.Time{Time: at.Truncate(time.Second)})
		}
	}
	return s
}

// setDrifted tells differences and recent losses.
func setDrifted(s *v1alpha1.EventStreamStatus, generation int64, drifts []Drift, now time.Time) {
	if n := s.Narrowed; n != nil && now.Sub(n.SeenAt.Time) < narrowedFor {
		drifts = append([]Drift{narrowing(*n)}, drifts...)
	}
	c := metav1.Condition{Type: v1alpha1.StreamDrifted, Status: metav1.ConditionFalse, Reason: "AsDeclared", ObservedGeneration: generation}
	if len(drifts) > 0 {
		c.Status, c.Reason = metav1.ConditionTrue, drifts[0].Reason
		var all []string
		for _, d := range drifts {
			all = append(all, d.Message)
		}
		c.Message = strings.Join(all, "; ")
	}
	meta.SetStatusCondition(&s.Conditions, c)
}

func narrowing(n v1alpha1.Narrowing) Drift {
	at := n.SeenAt.UTC().Format(time.RFC3339)
	if n.To == 0 {
		return Drift{"DeletedByHand", fmt.Sprintf("the topic with its %d partitions was gone at %s: somebody deleted it with its records, and it was made anew", n.From, at)}
	}
	return Drift{"NarrowedByHand", fmt.Sprintf("the topic had %d partitions and at %s had %d: somebody deleted it with its records and made it anew", n.From, at, n.To)}
}

func setReady(s *v1alpha1.EventStreamStatus, generation int64, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(&s.Conditions, metav1.Condition{
		Type: v1alpha1.StreamReady, Status: status, Reason: reason, Message: message, ObservedGeneration: generation,
	})
}

// sayActions joins what is being done, for a condition.
func sayActions(actions []Action) string {
	said := make([]string, len(actions))
	for i, a := range actions {
		said[i] = a.String()
	}
	return strings.Join(said, "; ")
}

// hasGroup reports whether the groups include one of that name.
func hasGroup(groups []v1alpha1.GroupStatus, name string) bool {
	return slices.ContainsFunc(groups, func(g v1alpha1.GroupStatus) bool { return g.Group == name })
}
