// Package memhttp is HTTP without a network, in two forms.
//
// A Listener's connections are pipes in memory: requests pass the same server
// and protocols as over TCP, and cost as much. Tests use it.
//
// A Server calls a handler directly: no bytes are framed and no connection
// exists, so a call costs a few microseconds. The standalone's components call
// each other through it. Handler and caller share no memory they could change,
// no context values, and cannot tell it from the network otherwise: deadlines,
// cancellation, streams in both directions, back pressure, trailers and panics
// behave alike. One conformance suite runs over both forms and over TCP.
package memhttp
