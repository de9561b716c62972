// Package counter owns counts: likes, comments and views of videos; follows, followers,
// works and likes of users.
//
// The works of a user are their public videos: a count shows nobody what they may not see.
//
// It promises: once the events are applied, every count equals the rows it
// counts. Each event is recorded in the transaction that applies it, so a crash,
// a duplicate or a replay from offset 0 changes no row. No count is ever read
// negative, and none is clamped to hide it.
//
// Counting asks nobody: it only listens to LikeChanged, CommentChanged,
// VideosViewed, FollowChanged and VideoChanged. The reconciler asks the owners of the rows
// (interaction, relation, video) how many there are.
//
// Reads come through the cache. A count changes in Postgres, then in the cache,
// by version: an older count never replaces a newer one.
//
// # Why no count is ever negative
//
// A count is a sum over things that are there or not: a like per (user, video),
// a comment, a follow per (follower, followee), a public video. The owner announces
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
// # What the reconciler may repair
//
// While events are under way a count differs from its rows, and that is no
// drift. Drift is proven in this order. The reconciler
//
//  1. reads the count and its version;
//  2. lets the owner count its rows at a later moment, and leaves out what the
//     owner has changed and not yet announced to Kafka;
//  3. waits until the worker's group has settled all that Kafka holds by then;
//  4. writes what was counted where the version is still that of step 1. Views
//     have no rows that could be counted, and change no version.
//
// Every event of a change that the owner saw in step 2 is settled before step 4.
// Every event of a later change would have been applied after step 1, and each
// event that is applied gives its row a new version, also when several of them
// sum up to nothing. So in step 4 the row holds exactly the events of what was
// counted, and a difference is drift. A repair is one more version: neither
// events nor copies in caches are overtaken by it, nor does it overtake them.
//
// A dead letter is settled without being counted: that is drift, and repaired.
// When it is replayed later it is counted once more, and repaired again.
//
// # Locks
//
// Two workers whose batches touch the same users cannot deadlock: everyone
// records events first, then takes rows of video_count, then of user_count, each
// sorted by id.
package counter
