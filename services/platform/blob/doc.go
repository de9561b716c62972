// Package blob is the object store: originals, renditions and covers of videos,
// in one bucket of S3 or of anything that speaks its protocol.
//
// It promises that what was put is what was meant: the checksum travels with
// the object, and the store refuses other bytes. It knows no domain: callers
// choose the keys, from ids and never from what a client sent, and Put, Get
// and the others refuse a key of another shape.
//
// It does not cache, and it does not retry beyond what the SDK does for one
// request.
package blob
