package gateway

import (
	"io"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// exchange is one request to the REST face and its answer. It is the writer of
// the answer and notices what telemetry tells and what a panic must know. One
// goroutine uses it, except for its call, which is only read.
type exchange struct {
	http.ResponseWriter
	call call
	body *countedBody // nil when the request has none

	began   time.Time
	hurried time.Time     // when the deadline for writing was last set
	most    time.Duration // that it gives
	status  int           // 0 until the answer begins
	sent    int64         // bytes of the body, compressed where they are
	// code is the answer's status_code; counts says that it has one.
	code   int
	counts bool
}

// WriteHeader begins the answer.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	x.hurry(time.Now(), x.most)
	n, err := x.ResponseWriter.Write(p)
	x.sent += int64(n)
	return n, err
}

// Flush is for the event stream; a ResponseController finds the rest by Unwrap.
func (x *exchange) Flush() {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	_ = http.NewResponseController(x.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

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
	return x.body.n
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

// withBody returns the request with a body that is counted.
func (x *exchange) withBody(r *http.Request) *http.Request {
	if r.ContentLength == 0 { // of unknown length it is -1
		return r
	}
	x.body = &countedBody{ReadCloser: r.Body}
	counted := *r
	counted.Body = x.body
	return &counted
}

// countedBody counts what is read of a body.
type countedBody struct {
	io.ReadCloser
	n int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	return n, err
}

// tell notes an answer's status_code with whoever counts answers: the exchange,
// perhaps behind other writers.
func tell(w http.ResponseWriter, code int) {
	for {
		switch known := w.(type) {
		case interface{ told(code int) }:
			known.told(code)
			return
		case interface{ Unwrap() http.ResponseWriter }:
			w = known.Unwrap()
		default:
			return
		}
	}
}
