package pace

import (
	"io"
	"net/http"
	"os"
	"time"
)

// Body reads a request's body at the client's pace. Where the body was not read
// to its end, the deadline stays: the server looks for the rest before it
// answers. It is for one goroutine.
type Body struct {
	io.ReadCloser
	pace       Pace
	http2      bool
	controller *http.ResponseController
	piecewise  bool

	sent progress
	// deadlineSetAt is when the read deadline was last set; zero for none.
	deadlineSetAt time.Time
}

// NewBody returns the body of a request that has one. piecewise says that the
// handler does other work between two reads.
func NewBody(w http.ResponseWriter, r *http.Request, p Pace, piecewise bool) *Body {
	return &Body{ReadCloser: r.Body, pace: p, http2: r.ProtoMajor == 2, controller: http.NewResponseController(w), piecewise: piecewise}
}

// HasBody reports whether a request has a body; one of unknown length may be empty.
func HasBody(r *http.Request) bool {
	return r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody
}

// BytesRead is how many bytes were read so far.
func (b *Body) BytesRead() int64 { return b.sent.bytes }

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) {
	wait := b.pace.nextWait(b.sent)
	if wait <= 0 {
		return 0, os.ErrDeadlineExceeded
	}
	now := time.Now()
	if b.deadlineSetAt.IsZero() || wait < b.pace.Stall || now.Sub(b.deadlineSetAt) > wait/4 {
		b.deadlineSetAt = now
		_ = b.controller.SetReadDeadline(now.Add(wait)) // transports that cannot are not for clients
	}
	n, err := b.ReadCloser.Read(p)
	b.sent.bytes += int64(n)
	b.sent.waited += time.Since(now)
	// HTTP/2 ends a body at its deadline although it is not being read, and HTTP/1.1
	// the call, once the body was read and only the client's leaving is looked for.
	if b.http2 && b.piecewise || err == io.EOF {
		b.deadlineSetAt = time.Time{}
		_ = b.controller.SetReadDeadline(time.Time{})
	}
	return n, err
}
