package memhttp

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
)

// ahead is how many bytes of an answer a handler may write before its reader
// takes them: the window of a stream.
const ahead = 256 << 10

// exchange is one call: the handler's ResponseWriter on one side, the body the
// caller reads on the other.
type exchange struct {
	cancel    context.CancelFunc // of the handler's context
	request   io.Closer          // the body the handler reads
	unwatch   func() bool        // stops watching the caller's context
	headReady chan struct{}      // closed when the caller may have the head

	// header is the handler's until the head is sent, then the head is a copy.
	header http.Header

	mu        sync.Mutex
	moved     sync.Cond // of mu: bytes were written or taken, or the call ended
	head      http.Header
	status    int
	announced []string // the head's Trailer lines
	released  bool     // headReady is closed
	buf       []byte
	off       int   // of buf is taken
	done      bool  // the handler has returned
	gone      bool  // the caller has closed the body
	err       error // why the call broke off
	trailer   http.Header
	response  *http.Response
}

func newExchange(cancel context.CancelFunc, request io.Closer) *exchange {
	x := &exchange{cancel: cancel, request: request, headReady: make(chan struct{}), header: make(http.Header, 8)}
	x.moved.L = &x.mu
	return x
}

// Header implements http.ResponseWriter.
func (x *exchange) Header() http.Header { return x.header }

// WriteHeader implements http.ResponseWriter. Informational answers are not
// passed on.
func (x *exchange) WriteHeader(status int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if status >= http.StatusOK {
		x.writeHead(status, nil)
	}
}

// writeHead fixes what the caller will read. Like a server over a network it
// names the type of a body that does not say its own.
func (x *exchange) writeHead(status int, body []byte) {
	if x.status != 0 {
		return
	}
	x.status, x.head, x.announced = status, x.header.Clone(), x.header["Trailer"]
	if _, named := x.head["Content-Type"]; !named && len(body) > 0 {
		x.head.Set("Content-Type", http.DetectContentType(body))
	}
	for key := range x.head {
		if strings.HasPrefix(key, http.TrailerPrefix) {
			delete(x.head, key)
		}
	}
}

// Write implements http.ResponseWriter. It waits for the reader when it is too
// far ahead of it.
func (x *exchange) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.writeHead(http.StatusOK, p)
	total := len(p)
	for {
		if err := x.refusal(); err != nil {
			return total - len(p), err
		}
		if n := min(len(p), ahead-(len(x.buf)-x.off)); n > 0 {
			x.append(p[:n])
			p = p[n:]
			x.moved.Broadcast()
		}
		if len(p) == 0 {
			return total, nil
		}
		x.release()
		x.moved.Wait()
	}
}

// append keeps bytes for the reader. What the reader took makes room first, so
// that a reader who never quite catches up costs no more than the window twice.
func (x *exchange) append(p []byte) {
	if x.off > len(x.buf)/2 {
		x.buf, x.off = x.buf[:copy(x.buf, x.buf[x.off:])], 0
	}
	x.buf = append(x.buf, p...)
}

// refusal says why nothing more can be written.
func (x *exchange) refusal() error {
	if x.err == nil && x.gone {
		return context.Canceled
	}
	return x.err
}

// Flush implements http.Flusher: the caller gets the head, and what was written.
func (x *exchange) Flush() { _ = x.FlushError() }

// FlushError is for http.ResponseController.
func (x *exchange) FlushError() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.writeHead(http.StatusOK, nil)
	x.release()
	return x.refusal()
}

// EnableFullDuplex is for http.ResponseController: an exchange always is.
func (x *exchange) EnableFullDuplex() error { return nil }

// release gives the caller the head, once.
func (x *exchange) release() {
	if !x.released {
		x.released = true
		close(x.headReady)
	}
}

// finish ends the call from the handler's side.
func (x *exchange) finish(err error) {
	x.unwatch()
	x.cancel()
	_ = x.request.Close()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.done = true
	if err == nil {
		x.writeHead(http.StatusOK, nil)
		x.trailer = x.trailers()
	} else if x.err == nil {
		x.err = err
	}
	x.release()
	x.moved.Broadcast()
}

// trailers are what the handler set after the head: the keys its Trailer
// header announced, and those with the prefix.
func (x *exchange) trailers() http.Header {
	var all http.Header
	add := func(key string, values []string) {
		if all == nil {
			all = http.Header{}
		}
		all[key] = append([]string(nil), values...)
	}
	for _, announced := range x.announced {
		for key := range strings.SplitSeq(announced, ",") {
			key = http.CanonicalHeaderKey(strings.TrimSpace(key))
			if values, ok := x.header[key]; ok {
				add(key, values)
			}
		}
	}
	for key, values := range x.header {
		if name, ok := strings.CutPrefix(key, http.TrailerPrefix); ok {
			add(http.CanonicalHeaderKey(name), values)
		}
	}
	return all
}

// abort ends the call from the caller's side: the handler's context ends, its
// reads and writes fail, and the caller waits for it no longer.
func (x *exchange) abort(err error) {
	x.cancel()
	_ = x.request.Close()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err == nil {
		x.err = err
	}
	x.release()
	x.moved.Broadcast()
}
