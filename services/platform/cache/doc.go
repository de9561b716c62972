// Package cache keeps copies of rows near their readers, in two levels: in this
// process, and in Redis for all instances. A family of copies is a Cache.
//
// What it owns can be rebuilt: a flush, a restart or an outage of Redis costs
// time and nothing else. It asks Load, and for as long as Redis is away it asks
// for a key once at a time, however many want it.
//
// What it promises: an older version never replaces a newer one, neither by a
// slow reader nor by a late writer. After Put returned, every reader of this
// instance sees that version or a newer one, whether Redis took it or not; so
// does every reader of another instance as soon as Redis has told it, and when
// Redis cannot tell, within the second and a half in which an instance notices
// that it hears nothing and stops to use its own level. What Redis did not take
// is offered again until it does.
//
// What it asks of its user: every value has a positive version that rises with
// each change of the row, a deletion included. Writers call Put or Delete after
// the commit, creators too, because that a row is missing is remembered as well.
// Whoever consumes the row's events may call them again, which repairs what a
// writer lost by dying between its commit and its Put.
//
// Values are shared by all readers and must never be changed. What depends on
// the viewer does not belong here.
package cache
