package eventstream

import (
	"fmt"
	"time"

	"douyin.dev/services/operator/api/v1alpha1"
	"douyin.dev/services/operator/broker"
	"douyin.dev/services/platform/bus"
)

// Look is what Kafka was seen to hold of a stream; nil is what is not there.
type Look struct {
	Topic, Dead *broker.Topic
}

// Verb is what an Action does.
type Verb string

// Verbs. None of them loses a record.
const (
	Create Verb = "Create"
	Widen  Verb = "Widen"
	Retain Verb = "Retain"
)

// Action is one change of Kafka.
type Action struct {
	Verb  Verb
	Topic string
	// Partitions is for Create and Widen, Replication (0: the brokers' choice) for
	// Create, Retention for Create and Retain.
	Partitions, Replication int32
	Retention               time.Duration
}

// String says what the action does, for an event.
func (a Action) String() string {
	switch a.Verb {
	case Create:
		return fmt.Sprintf("create %s with %d partitions and its dead-letter twin", a.Topic, a.Partitions)
	case Widen:
		return fmt.Sprintf("widen %s to %d partitions", a.Topic, a.Partitions)
	default:
		return fmt.Sprintf("keep records of %s for %s", a.Topic, a.Retention)
	}
}

// Plan returns what makes Kafka hold what is declared, as far as no record is lost by it.
func Plan(spec v1alpha1.EventStreamSpec, look Look) []Action {
	// One action makes what is missing of topic and twin. The twin begins with the
	// platform's retention, and the next look sets the declared one.
	if look.Topic == nil || look.Dead == nil {
		return []Action{{Create, spec.Topic, spec.Partitions, spec.Replication, spec.Retention.Duration}}
	}
	var actions []Action
	if look.Topic.Partitions < spec.Partitions {
		actions = append(actions, Action{Verb: Widen, Topic: spec.Topic, Partitions: spec.Partitions})
	}
	if look.Topic.Retention != spec.Retention.Duration {
		actions = append(actions, Action{Verb: Retain, Topic: spec.Topic, Retention: spec.Retention.Duration})
	}
	if look.Dead.Retention != spec.DeadLetter.Retention.Duration {
		actions = append(actions, Action{Verb: Retain, Topic: bus.DeadTopic(spec.Topic), Retention: spec.DeadLetter.Retention.Duration})
	}
	return actions
}

// Drift is a difference only a person may decide about.
type Drift struct {
	// Reason is for machines, Message for people.
	Reason, Message string
}

// Drifts returns how what is there differs from what is declared, where Plan leaves it.
func Drifts(spec v1alpha1.EventStreamSpec, look Look) []Drift {
	var drifts []Drift
	if t := look.Topic; t != nil {
		if t.Partitions > spec.Partitions {
			drifts = append(drifts, Drift{"MorePartitions", fmt.Sprintf("the topic has %d partitions, %d are declared: declare as many, for a topic cannot be narrowed without losing records", t.Partitions, spec.Partitions)})
		}
		if spec.Replication > 0 && t.Replication != spec.Replication {
			drifts = append(drifts, Drift{"OtherReplication", fmt.Sprintf("the topic has %d replicas of a partition, %d are declared: reassign its partitions", t.Replication, spec.Replication)})
		}
	}
	if d := look.Dead; d != nil && d.Partitions != 1 {
		drifts = append(drifts, Drift{"DeadLetterPartitions", fmt.Sprintf("the dead-letter twin has %d partitions, and only the first is looked at", d.Partitions)})
	}
	return drifts
}

// shrunk tells whether a topic has fewer partitions than at the look before,
// which only a deletion does.
func shrunk(before int32, topic *broker.Topic) (now int32, yes bool) {
	if topic != nil {
		now = topic.Partitions
	}
	return now, now < before
}
