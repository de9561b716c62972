// Package pace bounds how slowly a client may send a request or take an answer,
// so that one that stops does not hold the call, and what the call holds, for
// ever. Every read of a body and every write of an answer has a deadline.
//
// Only the time in which the server waits for the client counts: work done in
// between, however long, is not the client's.
package pace

import (
	"net/http"
	"time"
)

// Pace is the slowest a client may be.
type Pace struct {
	// Stall bounds one wait without any progress.
	Stall time.Duration
	// All waits together may take Grace, and as long as the bytes so far need at
	// Rate, in bytes per second.
	Grace time.Duration
	Rate  int64
}

// Default is what clients of the platform may take.
var Default = Pace{Stall: 5 * time.Second, Grace: 10 * time.Second, Rate: 64 << 10}

// Handler returns next with a deadline for every read and write. piecewise says
// that next does other work between two reads of the body.
func (p Pace) Handler(piecewise bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := NewWriter(w, r, p)
		out.Begin(time.Now())
		defer out.Finish()
		if HasBody(r) {
			withBody := *r
			withBody.Body = NewBody(w, r, p, piecewise)
			r = &withBody
		}
		next.ServeHTTP(&out, r)
	})
}

// progress is what a client has sent or taken so far.
type progress struct {
	bytes  int64
	waited time.Duration
}

// nextWait returns how long the next read or write may take; not above 0 when
// the client was too slow.
func (p Pace) nextWait(so progress) time.Duration {
	return min(p.Stall, p.Grace+time.Duration(so.bytes/p.Rate)*time.Second-so.waited)
}
