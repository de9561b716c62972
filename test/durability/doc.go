// Package durability decides whether the platform kept its promises while it or
// one of its stores was killed, and while Postgres stood still: it lets clients
// act, strikes at random moments,
// records what every client was told, reads the final state through the API,
// and compares.
//
// The comparison is Check, a pure function from a history and a state to the
// rules that were broken. It knows nothing of HTTP, and its own tests plant one
// violation of each kind.
//
// Rules:
//
//	D1 durable     every ok effect is there, unless a later one removed it
//	D2 no phantom  everything there stems from an ok or unknown operation
//	D3 fail        a failed operation has no effect
//	D4 once        one row per idempotency key, and one answer
//	A1 accounts    an account opens with its password, a session until it was ended, and no longer
//	U1 media       a published video is the bytes that were sent and has a cover; a deleted one is not found
//	D5 toggles     calls on one like or follow by many clients are linearizable
//	C1 exact       at rest every counter equals its rows
//	C2 natural     no counter was ever read negative
//	R3 copies      at rest what is answered from caches is what is answered without them
//	T1 timelines   at rest a following feed is exactly the newest videos of the followed
//	E4 dead        no event became a dead letter
//	M1 one order   both sides of a conversation see the same messages in the same order,
//	               and a subscriber each of them once and in that order, across reconnects
package durability
