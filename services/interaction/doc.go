// Package interaction owns likes and comments, and takes reports of views.
//
// It promises: what was acknowledged is committed, and a change and its event
// (LikeChanged, CommentChanged) are one transaction, so there are as many events
// as changes. A like is a register per (user, video): liking twice changes and
// announces nothing. A change with an idempotency key happens once.
//
// What a comment says never changes and is remembered; which comments there are,
// and who likes what, is read from the primary each time, for all who ask at the
// same time together. So users see their own writes, through any instance.
//
// A view is an event and no row: VideosViewed is what counts it, and what others
// may learn from.
//
// It asks the video service which videos exist and whose they are, and remembers
// the answer for a few seconds. Of a video that not everybody may see it asks each
// time whether the viewer may. It listens to VideoChanged: a deleted video gets
// a tombstone and loses its likes and comments, each with its event, so that
// counts follow exactly.
//
// # A like that meets a deletion
//
// A like that did not see the tombstone must be committed before the likes are
// deleted, or it would stay for ever. So likes and comments take a shared
// advisory lock (the gate) in a statement before the one that looks for
// tombstones, and the tombstone is written under the exclusive one. Whoever
// passes the gate first is committed before the tombstone is, and is found by
// the deletion; whoever passes it later has a snapshot that sees the tombstone.
// One statement could not do both: its snapshot is older than its locks.
package interaction
