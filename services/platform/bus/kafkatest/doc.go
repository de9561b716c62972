// Package kafkatest runs a real Apache Kafka broker for tests and for
// development: one process, KRaft mode, from the jars on Maven Central. It needs
// Java 17 and, the first time, Maven. The jars are kept in the user's cache
// directory.
//
// The broker never creates a topic by itself and starts consumer groups without
// delay; apart from that its settings are Kafka's own.
package kafkatest
