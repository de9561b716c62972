// Package id makes the ids of everything the platform stores: int64 in
// (0, 2^53), exact in a JavaScript number, rising with time.
//
// An id is 39 bits of milliseconds since 2026-01-01 (it lasts until June 2043),
// 4 bits of sequence and 10 bits of machine number. What makes ids unique is that no
// two processes of a service use one machine number at the same time: each leases
// its number from a row in Postgres and renews it. A generator whose lease is not
// certain refuses to make ids.
//
// The time in an id is Postgres's: the one at which the lease was granted and what
// has passed since, which no clock that is set changes. So a machine whose clock is
// ahead, or is set back, makes ids like the others. A lease ends after the newest id
// it can have made, on the same clock, so no number is leased again for a time in
// which it was used.
//
// Ids are unique within a service; two services may make the same one.
package id
