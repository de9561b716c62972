// Package workerpool sizes the Deployments that WorkerPools name by the time
// their backlog needs.
//
// The Meter measures how fast a busy worker drains; Recommend turns a backlog
// into a number of workers; the Damper keeps that number from following every
// wave; Shrink takes away only what is idle. All of them are pure but for what
// they remember, and none knows Kubernetes. The Reconciler feeds them and sets
// the Deployment's replicas by server-side apply under its own field manager.
//
// It promises that the size stays within minReplicas, maxReplicas and the
// partitions, that a worker with something in its hands is not removed, and that
// what is not known (a rate that was never measured, a Kafka or a worker that
// does not answer) never makes a pool smaller.
package workerpool
