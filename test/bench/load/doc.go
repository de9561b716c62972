// Package load sends requests over HTTP/1.1 connections and measures the
// answers. It is lean on purpose, because it shares the processors with what
// it measures: prepared request bytes, one goroutine a connection, no parsing
// beyond the status, the length and the body.
//
// A closed loop sends the next request when the last was answered, and finds
// the most a server can do. An open loop sends at fixed times, whether or not
// earlier answers came, and measures from those times: a stall counts for
// every request that should have been sent during it.
//
// It promises that only right answers count as speed: each answer passes the
// work's Quick check, and a sample is kept and judged whole after the run.
package load
