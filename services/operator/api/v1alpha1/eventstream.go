package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

const (
	// ReplayAnnotation asks for a replay of the dead letters, as spec.replay does.
	// Each new value is one request. Where both are set the annotation is obeyed.
	ReplayAnnotation = "douyin.dev/replay"
	// TopicFinalizer keeps an EventStream with deletionPolicy Delete until its topics are gone.
	TopicFinalizer = "douyin.dev/topic"
)

// DeletionPolicy says what becomes of the topics when their EventStream is deleted.
// +kubebuilder:validation:Enum=Retain;Delete
type DeletionPolicy string

// Deletion policies.
const (
	// DeletionRetain leaves the topics and their records where they are.
	DeletionRetain DeletionPolicy = "Retain"
	// DeletionDelete deletes the topic and its dead-letter twin.
	DeletionDelete DeletionPolicy = "Delete"
)

// Conditions of an EventStream.
const (
	// StreamReady says that the topic and its twin are there and take records.
	StreamReady = "Ready"
	// StreamDrifted says that the topic is not as declared, in a way that only a
	// person may decide about, or that it shrank behind the operator's back.
	StreamDrifted = "Drifted"
)

// EventStreamSpec declares a topic.
type EventStreamSpec struct {
	// Topic is the topic's name in Kafka: the full message name of the event. The
	// dead-letter twin is named after it, with .dead at the end.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=244
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9][a-zA-Z0-9._-]*$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="topic cannot be changed: make another EventStream"
	// +kubebuilder:validation:XValidation:rule="!self.endsWith('.dead')",message="topic must not end in .dead: that is the name of a dead-letter twin"
	Topic string `json:"topic"`

	// Partitions is how many the topic has. More can be asked for later; a key then
	// changes its partition, and its order is lost at that moment. Never fewer.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +kubebuilder:validation:XValidation:rule="self >= oldSelf",message="partitions cannot be fewer than before: Kafka cannot narrow a topic without losing records"
	Partitions int32 `json:"partitions"`

	// Replication is how many brokers have each partition; 0 leaves it to the
	// brokers. It counts when the topic is created; a later difference is reported
	// and not changed.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=15
	// +optional
	Replication int32 `json:"replication,omitempty"`

	// Retention is how long records are kept, such as 168h.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s')",message="retention must be longer than nothing"
	Retention metav1.Duration `json:"retention"`

	// DeadLetter is about the twin that takes the records nobody could handle.
	// +kubebuilder:default={}
	// +optional
	DeadLetter DeadLetterSpec `json:"deadLetter,omitzero"`

	// DeletionPolicy says what becomes of the topics when this object is deleted.
	// +kubebuilder:default=Retain
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// ConsumerGroups are the groups whose progress the status tells.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=255
	// +listType=set
	// +optional
	ConsumerGroups []string `json:"consumerGroups,omitempty"`

	// Replay asks for one replay of the dead letters that are there when the
	// operator sees it. Any value will do; a new value is a new request.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Replay string `json:"replay,omitempty"`
}

// DeadLetterSpec declares a dead-letter twin. It has one partition.
type DeadLetterSpec struct {
	// Retention is how long dead letters are kept.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s')",message="retention must be longer than nothing"
	// +kubebuilder:default="720h"
	// +optional
	Retention metav1.Duration `json:"retention,omitzero"`
}

// EventStreamStatus is what the operator saw at its last look.
type EventStreamStatus struct {
	// ObservedGeneration is the spec this status answers to.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Partitions the topic has.
	// +optional
	Partitions int32 `json:"partitions,omitempty"`
	// Replication of the partition with the fewest replicas.
	// +optional
	Replication int32 `json:"replication,omitempty"`
	// Retention of the topic.
	// +optional
	Retention *metav1.Duration `json:"retention,omitempty"`
	// Records that are kept, over all partitions.
	// +optional
	Records int64 `json:"records"`
	// Lag is the largest of the groups' lags, in records.
	// +optional
	Lag int64 `json:"lag"`
	// OldestUnprocessed is when the oldest record that a watched group has not
	// committed was published. Absent when there is none.
	// +optional
	OldestUnprocessed *metav1.Time `json:"oldestUnprocessed,omitempty"`
	// Groups is how far each watched group is.
	// +listType=map
	// +listMapKey=group
	// +optional
	Groups []GroupStatus `json:"groups,omitempty"`
	// DeadLetters that are kept.
	// +optional
	DeadLetters int64 `json:"deadLetters"`
	// UnreplayedLetters are the dead letters that were not replayed.
	// +optional
	UnreplayedLetters int64 `json:"unreplayedLetters"`
	// Replay is the last replay that was asked for.
	// +optional
	Replay *ReplayStatus `json:"replay,omitempty"`
	// Narrowed is the last time the topic had fewer partitions than at the look
	// before, which Kafka itself never does: somebody deleted it.
	// +optional
	Narrowed *Narrowing `json:"narrowed,omitempty"`
	// Conditions are Ready and Drifted.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// GroupStatus is how far a consumer group is.
type GroupStatus struct {
	// Group is its name.
	Group string `json:"group"`
	// Lag is the records it has not committed.
	Lag int64 `json:"lag"`
	// OldestUnprocessed is when the oldest of them was published.
	// +optional
	OldestUnprocessed *metav1.Time `json:"oldestUnprocessed,omitempty"`
}

// ReplayPhase is how far a replay is.
// +kubebuilder:validation:Enum=Running;Done
type ReplayPhase string

// Phases of a replay.
const (
	ReplayRunning ReplayPhase = "Running"
	ReplayDone    ReplayPhase = "Done"
)

// ReplayStatus is the progress of a replay. How far it is stands in Kafka, so a
// restarted operator goes on where the last one was.
type ReplayStatus struct {
	// Request is the value that asked for it.
	Request string `json:"request"`
	// Phase is Running or Done.
	Phase ReplayPhase `json:"phase"`
	// Until is the letter it ends before: the first that did not exist when it was asked for.
	Until int64 `json:"until"`
	// Total letters to replay.
	Total int64 `json:"total"`
	// Replayed of them so far.
	Replayed int64 `json:"replayed"`
	// Lost letters were too large to hold their value, and their origin is gone.
	// +optional
	Lost int64 `json:"lost,omitempty"`
	// StartedAt is when it was begun.
	StartedAt metav1.Time `json:"startedAt"`
	// FinishedAt is when it was done.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
}

// Narrowing is a loss of partitions.
type Narrowing struct {
	// From and To are the numbers of partitions; To is 0 for a topic that was gone.
	From int32 `json:"from"`
	// To is how many were left.
	To int32 `json:"to"`
	// SeenAt is when the operator noticed.
	SeenAt metav1.Time `json:"seenAt"`
}

// EventStream is a topic with its dead-letter twin.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=es;stream,categories=douyin
// +kubebuilder:printcolumn:name="Topic",type=string,JSONPath=`.spec.topic`
// +kubebuilder:printcolumn:name="Partitions",type=integer,JSONPath=`.status.partitions`
// +kubebuilder:printcolumn:name="Lag",type=integer,JSONPath=`.status.lag`
// +kubebuilder:printcolumn:name="Oldest",type=date,JSONPath=`.status.oldestUnprocessed`
// +kubebuilder:printcolumn:name="Dead",type=integer,JSONPath=`.status.unreplayedLetters`
// +kubebuilder:printcolumn:name="Replay",type=string,JSONPath=`.status.replay.phase`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Drifted",type=string,JSONPath=`.status.conditions[?(@.type=="Drifted")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type EventStream struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   EventStreamSpec   `json:"spec"`
	Status EventStreamStatus `json:"status,omitempty"`
}

// EventStreamList is a list of EventStreams.
// +kubebuilder:object:root=true
type EventStreamList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []EventStream `json:"items"`
}

// ReplayRequest returns what asks for a replay, or "".
func (s *EventStream) ReplayRequest() string {
	if a := s.Annotations[ReplayAnnotation]; a != "" {
		return a
	}
	return s.Spec.Replay
}
