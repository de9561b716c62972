// Package limit says whether somebody does something too often: token buckets,
// kept in Redis so that all instances share them.
//
// A bucket is a kind of action ("like", "login"), a key whose it is (a user id,
// an address). A full bucket allows a burst, then a steady rate.
//
// Callers of an instance who come at the same time have Redis asked once for all.
// Redis never decides whether a request works: when it is down, takes more than
// 20 ms, or is too slow for how many wait for their turn, each instance counts
// for itself in bounded memory, so that N instances together allow at most N
// times as much.
package limit
