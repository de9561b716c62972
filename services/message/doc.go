// Package message owns conversations between two users.
//
// It promises: both sides see one order without gaps, a message acknowledged is
// committed with its event (MessageSent), and a subscriber that comes back with
// its cursor gets every later message once.
//
// It asks the user service whether a receiver exists, and remembers those who do.
//
// # Order
//
// A message is two rows, one in each participant's mailbox, so that everything a
// user reads is in one place. A send locks both mailboxes, in the order of user
// ids, and takes as the sent time the first millisecond that is neither in the
// past nor taken in either of them. The locks are held until commit. So in one
// mailbox times are unique and grow in commit order: whoever has read up to a
// time has missed nothing before it, and that time is a complete cursor.
//
// In a mailbox with more than a thousand messages a second, times run ahead of
// the clock until it catches up.
//
// # Live
//
// A subscriber reads from Postgres, always; everything else only tells it when.
// After a commit the process wakes its own subscribers and publishes the user
// ids through Redis to the others. Once a second each process asks for the
// mailboxes of all its subscribers in one query, so without Redis a message is
// at most a second late.
package message
