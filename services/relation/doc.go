// Package relation owns who follows whom.
//
// Promises: a follow and its end are each announced once (FollowChanged), in
// the order they happened for a pair; repeating either changes and announces
// nothing. Both directions are written together, so a follower's list and a
// followee's list never disagree. What was acknowledged is visible in every
// list at once.
//
// It asks the user service whether a user exists, and remembers those who do:
// users are never deleted.
package relation
