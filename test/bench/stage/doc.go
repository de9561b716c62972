// Package stage sets up what is measured: a platform in a mode, started as its
// users start it, with real data that came in through its public API.
//
// Every check of the platform stays on. The limits on actions and logins are
// raised by their settings, because a few connections do the work of many
// clients here; they still count each action.
package stage
