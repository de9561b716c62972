// Package coalesce makes one call out of many that are asked for at the same
// time. It keeps no answers.
//
// A caller that comes while a read is under way does not join it, since it may
// have begun before a write that the caller knows of. It waits for the next one,
// which begins when this one ends and answers all callers that wait. So every
// answer is as fresh as if it had been read alone, a lone caller waits for
// nothing, and the work under load is bounded by the speed of the reads, not by
// the number of callers.
//
// Share makes reads with equal keys together. Loader joins the ids of batch
// reads. Batch runs queries together and gives each its own answer; writes may share
// a run, too.
package coalesce
