// Package kafka is the embedded twin of Kafka: a single-process broker for
// development that speaks the real protocol and keeps its log on disk.
//
// It owns its directory: the log, the committed offsets, the port it had last
// time, the password of its only user. It promises that a record is on disk when
// it is acknowledged and that a kill -9 loses neither records nor offsets; that
// records are kept for 7 days; that no topic appears because somebody misspelled
// one; that a client without the password is refused, unless it is told to be
// open. It does not replicate, knows no ACLs and listens on loopback unless it is
// told otherwise: production configures brokers instead.
package kafka
