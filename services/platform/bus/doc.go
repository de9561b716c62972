// Package bus carries messages through Kafka: what happened in one place
// reaches every group that asked for it, at least once, in order per key.
//
// It owns the connection to the brokers. It promises:
//
//   - Publish returns nil only when all replicas have every message. Messages of
//     one key stay in the order given, also when a part of them fails: what comes
//     after a failure in the same partition is not sent.
//   - Consume commits an offset only after Handle returned nil for everything
//     before it. Errors are retried for ever; only poison leaves the partition,
//     for the topic <topic>.dead, and nothing waits behind it.
//   - Neither needs a broker that is up, nor a topic that exists, to start.
//
// It asks of consumers that they are idempotent: after a rebalance, a crash or a
// lost answer a message comes again, possibly an old one after newer ones. The
// event-id header names an event for ever; versions, not arrival, decide.
//
// # How it uses kafka-go
//
// Of kafka-go it takes the wire, the connection pool (one shared Transport) and
// the group membership, and leaves Writer and Reader, for these reasons.
//
// Writer goes on with the next batch of a partition when one has failed. A
// caller that publishes both again then delivers the second before the first.
// Here a partition stops at its first failure. Writer also waits for company
// (BatchTimeout) that callers who already publish in batches do not have.
//
// Reader hides generations, may hand out what it had buffered for a partition
// it has lost, and can hang on a connection without a deadline. Here each
// partition has a worker bound to the generation that assigned it: fetch,
// handle, commit, one after the other. Every request has a deadline, a commit of
// an old generation is refused by the broker, and a partition that makes no
// progress while there is something to read gets fresh connections.
//
// The group's leader is told nothing about any topic when one of its topics is
// missing, and asks with automatic creation on. So only topics that exist are
// subscribed to; when one appears, the member joins again with it.
//
// # Latency
//
// A fetch waits at the broker (MinBytes 1, MaxWait 500 ms) and is answered as
// soon as a record is appended, so an idle consumer gets a message about 1 ms
// after its ack. MaxWait bounds only how often an idle partition asks again.
// Batches form by themselves: what arrives while Handle runs is the next one.
// BatchWait trades latency for larger batches and is 0 by default.
package bus
