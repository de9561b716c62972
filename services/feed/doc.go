// Package feed decides which videos a page of a feed holds: everybody's, and
// those of the people the viewer follows. It answers ids; the edge hydrates
// them.
//
// It owns the timelines: one list per reader in Redis, of the newest 1,000
// videos of the authors the reader follows. Everything in them can be rebuilt
// from relation and video, and is, when a list is missing. It promises that a
// following feed, paged to its end, is exactly those 1,000 once the events are
// applied, and that Redis being down makes it slower and not wrong.
//
// # Push and pull
//
// Fanout pushes a published video into the timelines of the author's
// followers. An author with more followers than a threshold is pulled instead:
// the author is marked in each timeline once, and the reader's page is merged
// with what the video service lists. The mark lies in the timeline itself, so
// that a list and what it leaves out are lost together or not at all.
//
// # A timeline
//
// A timeline is one sorted set, {tl:<user>}; its members are
//
//	<16 digits>   a video; the score is its publish time in milliseconds
//	.             the list is complete
//	~<token>      the list is being rebuilt by whoever drew the token
//	@<author>     this author's videos are to be pulled
//	-<16 digits>  a video that was deleted or hidden; a late push must not bring it back
//
// A rebuild begins by writing its token, reads relation and video, and ends by
// adding what it read where its token still is. Pushes, deletions and marks that
// arrive in between go into the same set and are kept. A follow or unfollow
// deletes the set, and with it the token: the rebuild, which may have read the
// old list, is discarded. A rebuild that died leaves its token for 30 seconds,
// in which readers compute their pages directly.
//
// A push that read the list of followers before an unfollow must not arrive
// after it: an unfollow leaves a note beside the timeline, {tl:<user>}:gone,
// for longer than a push may take.
//
// A timeline lives a day from its rebuild, also when it is read, so whatever a
// failover of Redis lost is made good within a day.
package feed
