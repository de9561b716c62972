package gateway

import (
	"io"
	"net/http"
	"os"
	"time"
)

// pace bounds how slowly a client may send a request or take an answer. Only the
// time in which the server waits for the client counts, so that work done in
// between, however long, is not the client's.
type pace struct {
	// stall bounds a wait without any progress.
	stall time.Duration
	// All waits together may take grace, and as long as the bytes so far need at
	// rate, in bytes per second.
	grace time.Duration
	rate  int64
}

var defaultPace = pace{stall: 5 * time.Second, grace: 10 * time.Second, rate: 64 << 10}

// pacePiece is how much is written under one deadline: a client at half the rate
// takes it within the stall.
const pacePiece = 64 << 10

// progress is what a client has sent or taken so far.
type progress struct {
	bytes  int64
	waited time.Duration
}

// nextWait returns how long the next read or write may take; not above 0 when
// the client was too slow.
func (p pace) nextWait(so progress) time.Duration {
	return min(p.stall, p.grace+time.Duration(so.bytes/p.rate)*time.Second-so.waited)
}

// pacedWriter writes an answer at the client's pace: every write has a deadline.
// Without one a client that takes nothing holds the call, and what the call
// holds, for ever. It is for one goroutine.
type pacedWriter struct {
	http.ResponseWriter
	pace    pace
	http2   bool
	taken   progress
	setAt   time.Time // when the deadline was last set; zero for none
	setWait time.Duration
}

func newPacedWriter(w http.ResponseWriter, r *http.Request, p pace) pacedWriter {
	return pacedWriter{ResponseWriter: w, pace: p, http2: r.ProtoMajor == 2}
}

// start clears the way for what the server itself may write, "100 Continue" for
// example: an HTTP/1.1 connection has the deadline of the answer before.
func (w *pacedWriter) start(now time.Time) {
	if !w.http2 {
		w.setDeadline(now)
	}
}

// finish sets the deadline for what the server still has to send when the
// handler has returned.
func (w *pacedWriter) finish() { w.setDeadline(time.Now()) }

// setDeadline bounds the next write. One that was set a moment ago will do.
func (w *pacedWriter) setDeadline(now time.Time) {
	wait := w.pace.nextWait(w.taken)
	if !w.setAt.IsZero() && wait == w.setWait && now.Sub(w.setAt) <= wait/4 {
		return
	}
	w.setAt, w.setWait = now, wait
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(now.Add(wait)) // not every transport can; these are not for clients
}

// clearDeadline leaves the time until the next write unbounded. HTTP/2 ends a
// stream at its deadline although nothing is being written.
func (w *pacedWriter) clearDeadline() {
	if w.http2 && !w.setAt.IsZero() {
		w.setAt = time.Time{}
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Time{})
	}
}

func (w *pacedWriter) Write(p []byte) (n int, err error) {
	for {
		piece := p[n:min(len(p), n+pacePiece)]
		now := time.Now()
		w.setDeadline(now)
		if w.setWait <= 0 {
			return n, os.ErrDeadlineExceeded // the connection has this deadline too
		}
		m, err := w.ResponseWriter.Write(piece)
		w.taken.bytes += int64(m)
		w.taken.waited += time.Since(now)
		if n += m; err != nil || n == len(p) {
			if len(piece) >= serverBuffer { // it went to the client; the handler may now do something else
				w.clearDeadline()
			}
			return n, err
		}
	}
}

// serverBuffer is how much of an answer the server keeps before it sends.
const serverBuffer = 4 << 10

// Flush is FlushError for callers that notice by the next write.
func (w *pacedWriter) Flush() { _ = w.FlushError() }

// FlushError sends what was written of a stream. The rest of what an
// http.ResponseController does it finds by Unwrap.
func (w *pacedWriter) FlushError() error {
	w.setDeadline(time.Now())
	err := http.NewResponseController(w.ResponseWriter).Flush()
	w.clearDeadline()
	return err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// pacedBody reads a request's body at the client's pace. Where the body was not
// read to its end, the deadline stays: the server looks for the rest before it
// answers.
type pacedBody struct {
	io.ReadCloser
	pace       pace
	http2      bool
	controller *http.ResponseController
	// piecewise says that the handler does other work between reads.
	piecewise bool

	sent  progress
	setAt time.Time // when the deadline was last set; zero for none
}

// newPacedBody returns the body of a request that has one.
func newPacedBody(w http.ResponseWriter, r *http.Request, p pace, piecewise bool) *pacedBody {
	return &pacedBody{ReadCloser: r.Body, pace: p, http2: r.ProtoMajor == 2, controller: http.NewResponseController(w), piecewise: piecewise}
}

func (b *pacedBody) Read(p []byte) (int, error) {
	wait := b.pace.nextWait(b.sent)
	if wait <= 0 {
		return 0, os.ErrDeadlineExceeded
	}
	now := time.Now()
	if b.setAt.IsZero() || wait < b.pace.stall || now.Sub(b.setAt) > wait/4 {
		b.setAt = now
		_ = b.controller.SetReadDeadline(now.Add(wait)) // not every transport can; these are not for clients
	}
	n, err := b.ReadCloser.Read(p)
	b.sent.bytes += int64(n)
	b.sent.waited += time.Since(now)
	// HTTP/2 ends a body at its deadline although nobody reads it, and HTTP/1.1
	// the call when the body was read and only the client's leaving is looked for.
	if b.http2 && b.piecewise || err == io.EOF {
		b.setAt = time.Time{}
		_ = b.controller.SetReadDeadline(time.Time{})
	}
	return n, err
}

// hasBody reports whether a request has a body; of unknown length it may be empty.
func hasBody(r *http.Request) bool {
	return r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody
}

// paced gives every read and write of a handler a deadline; piecewise is for one
// that does other work between reads.
func paced(p pace, piecewise bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := newPacedWriter(w, r, p)
		out.start(time.Now())
		defer out.finish()
		if hasBody(r) {
			read := *r
			read.Body = newPacedBody(w, r, p, piecewise)
			r = &read
		}
		next.ServeHTTP(&out, r)
	})
}
