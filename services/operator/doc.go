// Package operator is the process that looks after the event plane of a
// cluster: it keeps the topics EventStreams declare and sizes the Deployments
// WorkerPools name. The kinds are in api/v1alpha1, the work in eventstream and
// workerpool, and all it asks of Kafka in broker.
//
// Several operators may run: one leads, the others wait for its lease. What must
// outlive one is in the objects' status and in Kafka, so an operator can be
// killed at any moment.
package operator
