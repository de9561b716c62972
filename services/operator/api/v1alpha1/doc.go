// Package v1alpha1 is the language of the operator: what a cluster's users
// declare about the event plane, and what the operator answers.
//
// An EventStream is a topic with its dead-letter twin. A WorkerPool is a
// Deployment whose size follows the time its backlog needs. Rules that need no
// knowledge of Kafka are in the schema, so that the API server refuses what
// breaks them.
//
// +kubebuilder:object:generate=true
// +groupName=douyin.dev
package v1alpha1
