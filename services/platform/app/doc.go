// Package app is a process: its configuration, what it opens, what it serves
// and how it stops.
//
// A component mounts itself on a Runtime: it opens what it needs, registers
// handlers and loops, and returns. Main runs one component as a process; the
// standalone mounts all of them on Runtimes that share one process and differ
// only in what they hand out.
package app
