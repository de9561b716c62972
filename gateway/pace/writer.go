package pace

import (
	"net/http"
	"os"
	"time"
)

const (
	// writePiece is how much is written under one deadline, in bytes: a client at
	// half the rate takes it within the stall.
	writePiece = 64 << 10
	// serverBuffer is how much of an answer net/http keeps before it sends, in bytes.
	serverBuffer = 4 << 10
)

// Writer writes an answer at the client's pace. It is for one goroutine.
type Writer struct {
	http.ResponseWriter
	pace  Pace
	http2 bool
	taken progress
	// deadlineSetAt is when the write deadline was last set, zero for never, and
	// deadlineWait how far ahead.
	deadlineSetAt time.Time
	deadlineWait  time.Duration
}

// NewWriter returns a Writer of the answer to r. Begin and Finish go around the handler.
func NewWriter(w http.ResponseWriter, r *http.Request, p Pace) Writer {
	return Writer{ResponseWriter: w, pace: p, http2: r.ProtoMajor == 2}
}

// Begin sets the deadline for what the server itself may write before the
// handler does, "100 Continue" for example: an HTTP/1.1 connection still has the
// deadline of its previous answer.
func (w *Writer) Begin(now time.Time) {
	if !w.http2 {
		w.setDeadline(now)
	}
}

// Finish sets the deadline for what the server still has to send when the
// handler has returned.
func (w *Writer) Finish() { w.setDeadline(time.Now()) }

// setDeadline bounds the next write. A deadline that was set a moment ago stays.
func (w *Writer) setDeadline(now time.Time) {
	wait := w.pace.nextWait(w.taken)
	if !w.deadlineSetAt.IsZero() && wait == w.deadlineWait && now.Sub(w.deadlineSetAt) <= wait/4 {
		return
	}
	w.deadlineSetAt, w.deadlineWait = now, wait
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(now.Add(wait)) // transports that cannot are not for clients
}

// clearDeadline leaves the time until the next write unbounded. HTTP/2 ends a
// stream at its deadline although nothing is being written.
func (w *Writer) clearDeadline() {
	if w.http2 && !w.deadlineSetAt.IsZero() {
		w.deadlineSetAt = time.Time{}
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Time{})
	}
}

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (n int, err error) {
	for {
		piece := p[n:min(len(p), n+writePiece)]
		now := time.Now()
		w.setDeadline(now)
		if w.deadlineWait <= 0 {
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

// Flush is FlushError for callers that notice a failure by their next write.
func (w *Writer) Flush() { _ = w.FlushError() }

// FlushError sends what was written of a stream. What else an
// http.ResponseController does it finds through Unwrap.
func (w *Writer) FlushError() error {
	w.setDeadline(time.Now())
	err := http.NewResponseController(w.ResponseWriter).Flush()
	w.clearDeadline()
	return err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
