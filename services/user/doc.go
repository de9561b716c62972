// Package user owns accounts, profiles, sessions and the keys that sign tokens.
//
// Promises: a name belongs to one account, compared without case, whatever the
// race. A password is never stored, shortened or logged. A session that was
// ended is refused here at once and by every other instance within two seconds.
// While Postgres is down, sessions that were in use go on; nothing else does.
//
// It asks nobody but its own Postgres. Copies of users are in memory and in
// Redis; whoever changed a user reads the change at once, Redis or not. A change
// and its event (UserChanged) are one statement, and the service hears the event
// too: what a process that died did not tell the copies, they learn from it.
package user
