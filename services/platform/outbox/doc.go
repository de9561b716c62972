// Package outbox carries what happened from a service's transactions to Kafka.
//
// A write appends its events in its own transaction, so an effect and its
// events exist together or not at all. A Relay per process publishes them, with
// acks from all replicas, and deletes them after the ack: nothing is lost, and
// what a crash publishes twice carries the same event id. Rows are read as they
// become visible and deleted when done; there is no "id > last" cursor that
// could pass by a late commit.
//
// The first event after a pause is published at once; under load those of some
// 20 ms go together, because everything behind the relay costs by the batch. The
// relay vacuums what it deleted: its role must own the table, else autovacuum
// has to do.
//
// Order: two events of one key that were written by transactions which waited
// for each other (the same like toggled twice) are published in commit order.
// An advisory lock per shard of the key lets one process relay a shard.
package outbox
