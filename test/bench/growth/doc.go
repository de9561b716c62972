// Package growth measures what a request costs as the data grow: rows are put
// into the services' tables by SQL, the caches flushed, and the same requests
// measured again. Only costs count, processor time and calls, so that other
// work on the machine does little to the result.
//
// It knows the tables of the services and is the only part of the tests that
// does; the platform it works on serves nothing else.
package growth
