// Package broker is what the operator asks of Kafka: what topics are like, how
// far groups are, and the few changes that never lose a record, beside the
// deletion a person asked for.
//
// It owns no state. It asks package bus for what the platform does with dead
// letters, so that a replay by the operator and one by hand are the same thing.
//
// A broker that restarted answers each pooled connection with an error once, so
// every question is asked again a few times. What brokers say about topics is as
// old as two seconds, and one of them may know of a change before another does:
// who acts on a loss must see it twice.
package broker
