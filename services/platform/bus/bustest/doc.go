// Package bustest is the conformance suite of the bus: what every broker it is
// run on has to show. It runs on an in-process broker in every test, and on
// Apache Kafka when there is one.
package bustest
