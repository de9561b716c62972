package memhttp

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// errBodyClosed is what reading a closed body gives.
var errBodyClosed = errors.New("read on a closed response body")

// answer is what the caller gets when the head is ready.
func (x *exchange) answer(req *http.Request) (*http.Response, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err != nil {
		x.gone = true
		return nil, x.err
	}
	res := &http.Response{
		Status: http.StatusText(x.status), StatusCode: x.status,
		Proto: "HTTP/2.0", ProtoMajor: 2,
		Header: x.head, Body: (*body)(x), ContentLength: -1, Request: req,
	}
	if x.done {
		res.ContentLength = int64(len(x.buf))
	}
	x.response = res
	return res, nil
}

// body is the answer as its caller reads it.
type body exchange

// Read implements io.Reader. At the end the response has its trailers.
func (b *body) Read(p []byte) (int, error) {
	x := (*exchange)(b)
	x.mu.Lock()
	defer x.mu.Unlock()
	for x.off == len(x.buf) && !x.done && x.err == nil && !x.gone {
		x.moved.Wait()
	}
	switch {
	case x.gone:
		return 0, errBodyClosed
	case x.off < len(x.buf) && (x.err == nil || x.done):
		n := copy(p, x.buf[x.off:])
		if x.off += n; x.off == len(x.buf) {
			x.buf, x.off = x.buf[:0], 0
		}
		x.moved.Broadcast()
		return n, nil
	case x.err != nil:
		return 0, x.err
	default:
		x.response.Trailer = x.trailer
		return 0, io.EOF
	}
}

// Close implements io.Closer: a handler that still writes is told to stop.
func (b *body) Close() error {
	x := (*exchange)(b)
	x.mu.Lock()
	x.gone = true
	done := x.done
	x.moved.Broadcast()
	x.mu.Unlock()
	if !done {
		x.abort(context.Canceled)
	}
	return nil
}
