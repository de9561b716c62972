package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Conditions of a WorkerPool.
const (
	// PoolReady says that the operator can see the backlog and set the replicas.
	PoolReady = "Ready"
	// PoolRateKnown says that the drain rate was measured. Without it a backlog
	// cannot be turned into time, and the pool keeps its size.
	PoolRateKnown = "RateKnown"
	// PoolStalled says that there is a backlog and nothing was committed for a while.
	PoolStalled = "Stalled"
	// PoolLimited says that more or fewer workers were wanted than the limits allow.
	PoolLimited = "Limited"
	// PoolScaleDownBlocked says that workers are busy, so fewer were removed than could be.
	PoolScaleDownBlocked = "ScaleDownBlocked"
	// PoolContended says that somebody else set the replicas not long ago.
	PoolContended = "Contended"
)

// WorkerPoolSpec declares how large a worker's Deployment shall be.
// +kubebuilder:validation:XValidation:rule="self.minReplicas <= self.maxReplicas",message="minReplicas must not be more than maxReplicas"
// +kubebuilder:validation:XValidation:rule="size(self.topics) + size(self.streams) > 0",message="topics or streams must name what the group reads"
type WorkerPoolSpec struct {
	// TargetRef is the Deployment that is scaled, in the same namespace.
	TargetRef TargetRef `json:"targetRef"`

	// Group is the consumer group of the workers.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Group string `json:"group"`

	// Topics the group reads.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=249
	// +kubebuilder:default={}
	// +listType=set
	// +optional
	Topics []string `json:"topics"`

	// Streams are EventStreams in the same namespace whose topics the group reads.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:default={}
	// +listType=set
	// +optional
	Streams []string `json:"streams"`

	// TargetSeconds is how long a backlog may take: the pool is as large as it
	// must be to work off what is there within this time.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	// +kubebuilder:default=30
	// +optional
	TargetSeconds int32 `json:"targetSeconds,omitempty"`

	// MinReplicas is the size with nothing to do; 0 is allowed.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	// +kubebuilder:default=1
	// +optional
	MinReplicas int32 `json:"minReplicas"`

	// MaxReplicas is the largest size. Partitions bound it too: a worker without
	// one has nothing to read.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxReplicas int32 `json:"maxReplicas"`

	// Stabilization keeps the pool from following every wave.
	// +kubebuilder:default={}
	// +optional
	Stabilization Stabilization `json:"stabilization,omitzero"`
}

// TargetRef names a Deployment.
type TargetRef struct {
	// APIVersion of the target.
	// +kubebuilder:validation:Enum="apps/v1"
	// +kubebuilder:default="apps/v1"
	// +optional
	APIVersion string `json:"apiVersion,omitempty"`
	// Kind of the target.
	// +kubebuilder:validation:Enum=Deployment
	// +kubebuilder:default=Deployment
	// +optional
	Kind string `json:"kind,omitempty"`
	// Name of the target.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// Stabilization is for how long a size must have been enough, or needed, before the pool takes it.
type Stabilization struct {
	// UpSeconds is for how long more workers must have been needed.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=3600
	// +kubebuilder:default=0
	// +optional
	UpSeconds int32 `json:"upSeconds"`
	// DownSeconds is for how long fewer workers must have been enough.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=3600
	// +kubebuilder:default=120
	// +optional
	DownSeconds int32 `json:"downSeconds"`
}

// WorkerPoolStatus is what the operator saw and did at its last look.
type WorkerPoolStatus struct {
	// ObservedGeneration is the spec this status answers to.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Backlog is the records the group has not committed.
	// +optional
	Backlog int64 `json:"backlog"`
	// Partitions of all topics together.
	// +optional
	Partitions int32 `json:"partitions"`
	// RatePerWorker is the records a second that one busy worker commits, as measured last.
	// +optional
	RatePerWorker *resource.Quantity `json:"ratePerWorker,omitempty"`
	// ArrivalRate is the records a second that are published.
	// +optional
	ArrivalRate *resource.Quantity `json:"arrivalRate,omitempty"`
	// ETASeconds is how long the ready workers need for the backlog. Absent when
	// the rate is not known or nobody works.
	// +optional
	ETASeconds *int64 `json:"etaSeconds,omitempty"`
	// Replicas that are ready.
	// +optional
	Replicas int32 `json:"replicas"`
	// DesiredReplicas is what the operator set last.
	// +optional
	DesiredReplicas *int32 `json:"desiredReplicas,omitempty"`
	// Selector of the workers' pods.
	// +optional
	Selector string `json:"selector,omitempty"`
	// LastScaleTime is when the operator last changed the size.
	// +optional
	LastScaleTime *metav1.Time `json:"lastScaleTime,omitempty"`
	// Conflict is the last time somebody else set the replicas.
	// +optional
	Conflict *Conflict `json:"conflict,omitempty"`
	// Conditions are Ready, RateKnown, Stalled, Limited, ScaleDownBlocked and Contended.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Conflict is a size that somebody else set and the operator put back.
type Conflict struct {
	// Manager is the field manager that did, as far as the API server knows.
	Manager string `json:"manager"`
	// Replicas it set.
	Replicas int32 `json:"replicas"`
	// SeenAt is when the operator noticed.
	SeenAt metav1.Time `json:"seenAt"`
}

// WorkerPool scales a worker by the time its backlog needs.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=wp;pool,categories=douyin
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.targetRef.name`
// +kubebuilder:printcolumn:name="Backlog",type=integer,JSONPath=`.status.backlog`
// +kubebuilder:printcolumn:name="Rate",type=string,JSONPath=`.status.ratePerWorker`
// +kubebuilder:printcolumn:name="ETA",type=integer,JSONPath=`.status.etaSeconds`
// +kubebuilder:printcolumn:name="Ready Workers",type=integer,JSONPath=`.status.replicas`
// +kubebuilder:printcolumn:name="Desired",type=integer,JSONPath=`.status.desiredReplicas`
// +kubebuilder:printcolumn:name="Min",type=integer,JSONPath=`.spec.minReplicas`,priority=1
// +kubebuilder:printcolumn:name="Max",type=integer,JSONPath=`.spec.maxReplicas`,priority=1
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type WorkerPool struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   WorkerPoolSpec   `json:"spec"`
	Status WorkerPoolStatus `json:"status,omitempty"`
}

// WorkerPoolList is a list of WorkerPools.
// +kubebuilder:object:root=true
type WorkerPoolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []WorkerPool `json:"items"`
}
