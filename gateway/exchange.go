package gateway

import (
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// exchange is one request to the REST face and its answer. It is the writer of
// the answer and notices what telemetry tells and what a panic must know. One
// goroutine uses it, except for its call, which is only read.
type exchange struct {
	pacedWriter
	call call
	body *pacedBody // nil when the request has none
	work *gate      // what the call holds until its answer begins; nil for nothing

	began  time.Time
	status int   // 0 until the answer begins
	sent   int64 // bytes of the body, compressed where they are
	// code is the answer's status_code; counts says that it has one.
	code   int
	counts bool
}

// begin notes that the answer begins: the work is done, and a client that takes
// the answer slowly holds nothing that others need.
func (x *exchange) begin(status int) {
	if x.status == 0 {
		x.status = status
	}
	x.endWork()
}

func (x *exchange) endWork() {
	if x.work != nil {
		x.work.leave()
		x.work = nil
	}
}

// WriteHeader begins the answer.
func (x *exchange) WriteHeader(status int) {
	x.begin(status)
	x.ResponseWriter.WriteHeader(status)
}

func (x *exchange) Write(p []byte) (int, error) {
	x.begin(http.StatusOK)
	n, err := x.pacedWriter.Write(p)
	x.sent += int64(n)
	return n, err
}

// Flush is for the event stream.
func (x *exchange) Flush() { _ = x.FlushError() }

// FlushError is Flush for an http.ResponseController.
func (x *exchange) FlushError() error {
	x.begin(http.StatusOK)
	return x.pacedWriter.FlushError()
}

// told notes the status_code of the answer.
func (x *exchange) told(code int) { x.code, x.counts = code, true }

// httpStatus is what the client reads: the server adds it when no handler did.
func (x *exchange) httpStatus() int {
	if x.status == 0 {
		return http.StatusOK
	}
	return x.status
}

// read is how many bytes of the request's body were read.
func (x *exchange) read() int64 {
	if x.body == nil {
		return 0
	}
	return x.body.sent.bytes
}

// attributes are what a span tells of the answer.
func (x *exchange) attributes() []attribute.KeyValue {
	all := make([]attribute.KeyValue, 0, 3)
	if n := x.read(); n > 0 {
		all = append(all, attribute.Int64("http.request.body.size", n))
	}
	if x.sent > 0 {
		all = append(all, attribute.Int64("http.response.body.size", x.sent))
	}
	return append(all, attribute.Int("http.response.status_code", x.httpStatus()))
}

// withBody returns the request with a body that is read at the client's pace.
func (x *exchange) withBody(r *http.Request, p pace, piecewise bool) *http.Request {
	if !hasBody(r) {
		return r
	}
	x.body = newPacedBody(x.ResponseWriter, r, p, piecewise)
	read := *r
	read.Body = x.body
	return &read
}

// tell notes an answer's status_code with whoever counts answers: the exchange,
// perhaps behind other writers.
func tell(w http.ResponseWriter, code int) {
	if known, ok := behind[interface{ told(code int) }](w); ok {
		known.told(code)
	}
}

// behind finds the writer of a kind, perhaps behind other writers.
func behind[W any](w http.ResponseWriter) (W, bool) {
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
