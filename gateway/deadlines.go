package gateway

import (
	"net/http"
	"time"
)

// A slow client holds a connection and a goroutine, and from admission on a place
// that others are refused for. Uploads and downloads last as long as their size
// needs and bound themselves; for everything else there is this.

// deadlines are how long clients of the REST face may take.
type deadlines struct {
	// body bounds the reading of parameters, which are at most 1 MiB.
	body time.Duration
	// answer bounds how long a client may take nothing of an answer; it may be
	// half as much longer.
	answer time.Duration
}

var defaultDeadlines = deadlines{body: 10 * time.Second, answer: 30 * time.Second}

// awaitBody bounds the reading of a request's body until it was read, which the
// returned function says. Where it was not, the bound stays: the server looks for
// the rest before it answers. Not every transport can; the others are bounded by
// the caller.
func (d deadlines) awaitBody(w http.ResponseWriter, r *http.Request) (read func()) {
	if r.ContentLength == 0 { // of unknown length it is -1
		return func() {}
	}
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(d.body))
	return func() { _ = c.SetReadDeadline(time.Time{}) }
}

// hurry bounds the writing that is to come. It is called when a request begins,
// since the connection may have a deadline of the one before, and again with
// what is written much later.
func (x *exchange) hurry(now time.Time, most time.Duration) {
	if most <= 0 || now.Sub(x.hurried) <= most/2 {
		return
	}
	x.hurried, x.most = now, most
	_ = http.NewResponseController(x.ResponseWriter).SetWriteDeadline(now.Add(most + most/2))
}

// unhurried serves what takes as long as it takes, over a connection that may
// have the deadline of an earlier answer.
func unhurried(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
		next.ServeHTTP(w, r)
	})
}
