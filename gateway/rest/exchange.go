package rest

import (
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"douyin.dev/gateway/pace"
)

// exchange is one request to the REST face and its answer. It is the writer of
// the answer and notices what telemetry reports and what a panic must know. One
// goroutine uses it, except for its call, which is only read.
type exchange struct {
	pace.Writer
	call Call
	body *pace.Body // nil when the request has none
	// release gives back what the call holds until its answer begins; nil for nothing.
	release func()

	began      time.Time
	httpStatus int   // 0 until the answer begins
	sent       int64 // bytes of the body, compressed where they are
	// statusCode is that of the envelope; hasStatusCode says that there is one.
	statusCode    int
	hasStatusCode bool
}

// HoldUntilAnswer has release called once: when the answer of a REST call
// begins, since a client that takes the answer slowly must hold nothing that
// others need, or at the latest when its handler returns. It reports false, and
// does nothing, for any other writer.
func HoldUntilAnswer(w http.ResponseWriter, release func()) bool {
	x, ok := unwrapTo[*exchange](w)
	if ok {
		x.release = release
	}
	return ok
}

// beginAnswer notes that the answer begins.
func (x *exchange) beginAnswer(httpStatus int) {
	if x.httpStatus == 0 {
		x.httpStatus = httpStatus
	}
	x.releaseHeld()
}

func (x *exchange) releaseHeld() {
	if x.release != nil {
		x.release()
		x.release = nil
	}
}

// WriteHeader begins the answer.
func (x *exchange) WriteHeader(httpStatus int) {
	x.beginAnswer(httpStatus)
	x.ResponseWriter.WriteHeader(httpStatus)
}

// Write implements io.Writer.
func (x *exchange) Write(p []byte) (int, error) {
	x.beginAnswer(http.StatusOK)
	n, err := x.Writer.Write(p)
	x.sent += int64(n)
	return n, err
}

// Flush is for the event stream.
func (x *exchange) Flush() { _ = x.FlushError() }

// FlushError is Flush for an http.ResponseController.
func (x *exchange) FlushError() error {
	x.beginAnswer(http.StatusOK)
	return x.Writer.FlushError()
}

// recordStatusCode notes the status_code of the answer.
func (x *exchange) recordStatusCode(code int) { x.statusCode, x.hasStatusCode = code, true }

// finalHTTPStatus is what the client reads: the server adds 200 when no handler
// gave a status.
func (x *exchange) finalHTTPStatus() int {
	if x.httpStatus == 0 {
		return http.StatusOK
	}
	return x.httpStatus
}

// bodyBytesRead is how many bytes of the request's body were read.
func (x *exchange) bodyBytesRead() int64 {
	if x.body == nil {
		return 0
	}
	return x.body.BytesRead()
}

// attributes are those of the answer in a span.
func (x *exchange) attributes() []attribute.KeyValue {
	all := make([]attribute.KeyValue, 0, 3)
	if n := x.bodyBytesRead(); n > 0 {
		all = append(all, attribute.Int64("http.request.body.size", n))
	}
	if x.sent > 0 {
		all = append(all, attribute.Int64("http.response.body.size", x.sent))
	}
	return append(all, attribute.Int("http.response.status_code", x.finalHTTPStatus()))
}

// withPacedBody returns the request with a body that is read at the client's pace.
func (x *exchange) withPacedBody(r *http.Request, p pace.Pace, piecewise bool) *http.Request {
	if !pace.HasBody(r) {
		return r
	}
	x.body = pace.NewBody(x.ResponseWriter, r, p, piecewise)
	read := *r
	read.Body = x.body
	return &read
}

// recordStatusCode notes an answer's status_code for telemetry.
func recordStatusCode(w http.ResponseWriter, code int) {
	if recorder, ok := unwrapTo[interface{ recordStatusCode(code int) }](w); ok {
		recorder.recordStatusCode(code)
	}
}

// unwrapTo finds the writer of a kind, perhaps behind other writers.
func unwrapTo[W any](w http.ResponseWriter) (W, bool) {
	for {
		switch known := w.(type) {
		case W:
			return known, true
		case interface{ Unwrap() http.ResponseWriter }:
			w = known.Unwrap()
		default:
			var none W
			return none, false
		}
	}
}
