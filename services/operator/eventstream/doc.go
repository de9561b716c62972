// Package eventstream keeps the topics that EventStreams declare.
//
// It promises that no record is lost by its doing: it creates, widens and sets
// retention; it deletes only the topics of an EventStream that is deleted and
// says deletionPolicy Delete. What it may not change it reports: more partitions
// than declared, other replication, a topic somebody deleted or made anew with
// fewer partitions.
//
// Plan decides, from the declaration and a look at Kafka; the Reconciler looks,
// acts and writes the status. All it knows is in the object and in Kafka, but
// for one thing: a loss must be seen twice before it is believed, and the first
// sight is kept in memory.
package eventstream
