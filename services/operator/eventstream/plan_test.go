package eventstream

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"douyin.dev/services/operator/api/v1alpha1"
	"douyin.dev/services/operator/broker"
)

const month = 30 * 24 * time.Hour

func declared() v1alpha1.EventStreamSpec {
	return v1alpha1.EventStreamSpec{
		Topic: "likes", Partitions: 4, Replication: 3, Retention: metav1.Duration{Duration: time.Hour},
		DeadLetter: v1alpha1.DeadLetterSpec{Retention: metav1.Duration{Duration: month}},
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	asDeclared := broker.Topic{Partitions: 4, Replication: 3, Retention: time.Hour}
	twin := broker.Topic{Partitions: 1, Replication: 3, Retention: month}
	create := []Action{{Create, "likes", 4, 3, time.Hour}}
	for name, tt := range map[string]struct {
		topic, dead *broker.Topic
		actions     []Action
		drifts      []string
	}{
		"nothing is there":    {nil, nil, create, nil},
		"the twin is missing": {&asDeclared, nil, create, nil},
		"only the twin is":    {nil, &twin, create, nil},
		"all is as declared":  {&asDeclared, &twin, nil, nil},
		"too few partitions": {&broker.Topic{Partitions: 2, Replication: 3, Retention: time.Hour}, &twin,
			[]Action{{Verb: Widen, Topic: "likes", Partitions: 4}}, nil},
		"too many partitions": {&broker.Topic{Partitions: 6, Replication: 3, Retention: time.Hour}, &twin, nil, []string{"MorePartitions"}},
		"other retention": {&broker.Topic{Partitions: 4, Replication: 3, Retention: 2 * time.Hour}, &twin,
			[]Action{{Verb: Retain, Topic: "likes", Retention: time.Hour}}, nil},
		"kept for ever": {&broker.Topic{Partitions: 4, Replication: 3, Retention: -time.Millisecond}, &twin,
			[]Action{{Verb: Retain, Topic: "likes", Retention: time.Hour}}, nil},
		"other replication": {&broker.Topic{Partitions: 4, Replication: 1, Retention: time.Hour}, &twin, nil, []string{"OtherReplication"}},
		"a twin that forgets early": {&asDeclared, &broker.Topic{Partitions: 1, Replication: 3, Retention: time.Hour},
			[]Action{{Verb: Retain, Topic: "likes.dead", Retention: month}}, nil},
		"a twin with partitions": {&asDeclared, &broker.Topic{Partitions: 2, Replication: 3, Retention: month}, nil, []string{"DeadLetterPartitions"}},
	} {
		look := Look{tt.topic, tt.dead}
		if diff := cmp.Diff(tt.actions, Plan(declared(), look)); diff != "" {
			t.Errorf("%s: actions (-want +got):\n%s", name, diff)
		}
		var reasons []string
		for _, d := range Drifts(declared(), look) {
			reasons = append(reasons, d.Reason)
		}
		if diff := cmp.Diff(tt.drifts, reasons); diff != "" {
			t.Errorf("%s: drifts (-want +got):\n%s", name, diff)
		}
	}
}

func TestReplicationLeftToTheBrokersIsNoDrift(t *testing.T) {
	t.Parallel()
	spec := declared()
	spec.Replication = 0
	if got := Drifts(spec, Look{Topic: &broker.Topic{Partitions: 4, Replication: 2}}); got != nil {
		t.Errorf("drifts %v", got)
	}
}

// apply is what Kafka makes of an action.
func apply(look Look, a Action) Look {
	switch a.Verb {
	case Create:
		if look.Topic == nil {
			look.Topic = &broker.Topic{Partitions: a.Partitions, Replication: max(a.Replication, 1), Retention: a.Retention}
		}
		if look.Dead == nil {
			look.Dead = &broker.Topic{Partitions: 1, Replication: max(a.Replication, 1), Retention: month}
		}
	case Widen:
		look.Topic = &broker.Topic{Partitions: a.Partitions, Replication: look.Topic.Replication, Retention: look.Topic.Retention}
	case Retain:
		of := &look.Topic
		if a.Topic != "likes" {
			of = &look.Dead
		}
		*of = &broker.Topic{Partitions: (*of).Partitions, Replication: (*of).Replication, Retention: a.Retention}
	}
	return look
}

func anyTopic(t *rapid.T, name string) *broker.Topic {
	if rapid.Bool().Draw(t, name+" missing") {
		return nil
	}
	return &broker.Topic{
		Partitions:  rapid.Int32Range(1, 20).Draw(t, name+" partitions"),
		Replication: rapid.Int32Range(1, 5).Draw(t, name+" replication"),
		Retention:   time.Duration(rapid.Int32Range(-1, 1000).Draw(t, name+" retention")) * time.Hour,
	}
}

// Whatever is there: the plan ends, never narrows, and leaves nothing but drift.
func TestPlansEndAndNeverNarrow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		spec := v1alpha1.EventStreamSpec{
			Topic: "likes", Partitions: rapid.Int32Range(1, 20).Draw(t, "partitions"), Replication: rapid.Int32Range(0, 5).Draw(t, "replication"),
			Retention:  metav1.Duration{Duration: time.Duration(rapid.Int32Range(1, 1000).Draw(t, "retention")) * time.Hour},
			DeadLetter: v1alpha1.DeadLetterSpec{Retention: metav1.Duration{Duration: time.Duration(rapid.Int32Range(1, 1000).Draw(t, "dead retention")) * time.Hour}},
		}
		look := Look{anyTopic(t, "topic"), anyTopic(t, "twin")}
		before := int32(0)
		if look.Topic != nil {
			before = look.Topic.Partitions
		}
		for round := 0; ; round++ {
			actions := Plan(spec, look)
			if len(actions) == 0 {
				break
			}
			if round == 3 {
				t.Fatalf("still to do after %d rounds: %v", round, actions)
			}
			for _, a := range actions {
				look = apply(look, a)
			}
		}
		if look.Topic.Partitions != max(before, spec.Partitions) {
			t.Fatalf("%d partitions from %d with %d declared", look.Topic.Partitions, before, spec.Partitions)
		}
		if look.Topic.Retention != spec.Retention.Duration || look.Dead.Retention != spec.DeadLetter.Retention.Duration {
			t.Fatalf("retention %v and %v", look.Topic.Retention, look.Dead.Retention)
		}
	})
}
