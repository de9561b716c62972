// Package counter owns counts: likes and comments of videos; follows, followers,
// works and likes of users.
//
// It promises: once the events are applied, every count equals the rows it
// counts. Each event is recorded in the transaction that applies it, so a crash,
// a duplicate or a replay from offset 0 changes no row. No count is ever read
// negative, and none is clamped to hide it.
//
// It asks nobody: it only listens to LikeChanged, CommentChanged, FollowChanged
// and VideoChanged.
//
// Reads come through the cache. A count changes in Postgres, then in the cache,
// by version: an older count never replaces a newer one.
//
// # Why no count is ever negative
//
// A count is a sum over things that are there or not: a like per (user, video),
// a comment, a follow per (follower, followee), a video. The owner announces
// each change of a thing once, coming and going in turn, in the order of commits,
// under one key: the video for likes, comments and videos, the follower for
// follows. Events of one key share a partition. A partition is applied as a
// prefix: whoever reads it starts at an offset before which everything was
// applied, and an event in the hands of two readers makes the second wait for
// the first one's transaction. So in every committed state each thing counts 0
// or 1, whatever the order between partitions and topics, and a sum of those is
// not negative.
//
// The order ends where a topic gets more partitions, because its keys move: do
// that while nothing is unapplied.
//
// # Locks
//
// Two workers whose batches touch the same users cannot deadlock: everyone
// records events first, then takes rows of video_count, then of user_count, each
// sorted by id.
package counter
