// Package limits measures what this machine could do at best, so that every
// result of the benchmark can be told as a share of it.
//
//	S  net/http in a process of its own, answering a prepared page as long as a real feed's
//	H  the same, answering 300 bytes of JSON
//	W  rows a second made durable by one writer that commits all waiting callers'
//	   rows at once, in the same Postgres as the platform's
package limits
