package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
)

// readSize holds a whole feed page, so that most answers take one read.
const readSize = 32 << 10

// Dial opens a connection to the server under load.
type Dial func(ctx context.Context) (net.Conn, error)

// DialTCP dials a host:port.
func DialTCP(address string) Dial {
	return func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
}

// Answer is what came back. Its bytes are valid until the next request.
type Answer struct {
	Status      int
	ContentType string // empty unless the answer was sampled
	Body        []byte
}

// conn is one keep-alive connection. One goroutine uses it; Close may be called by another.
type conn struct {
	dial Dial

	mu     sync.Mutex
	net    net.Conn // nil when there is none
	closed bool

	in   *bufio.Reader
	body []byte
}

func newConn(dial Dial) *conn {
	return &conn{dial: dial, in: bufio.NewReaderSize(nil, readSize)}
}

var errClosed = errors.New("connection was closed at the end of the run")

func (c *conn) open(ctx context.Context) (net.Conn, error) {
	c.mu.Lock()
	current, closed := c.net, c.closed
	c.mu.Unlock()
	if current != nil || closed {
		return current, closedError(closed)
	}
	fresh, err := c.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = fresh.Close()
		return nil, errClosed
	}
	c.net = fresh
	c.in.Reset(fresh)
	return fresh, nil
}

func closedError(closed bool) error {
	if closed {
		return errClosed
	}
	return nil
}

// drop closes the connection; the next request opens another.
func (c *conn) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.net != nil {
		_ = c.net.Close()
		c.net = nil
	}
}

// close ends the connection for good, also in the middle of a request.
func (c *conn) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.drop()
}

// do sends a request and reads its answer. keep asks for the header too.
func (c *conn) do(ctx context.Context, request []byte, keep bool) (Answer, error) {
	n, err := c.open(ctx)
	if err != nil {
		return Answer{}, err
	}
	if _, err := n.Write(request); err != nil {
		c.drop()
		return Answer{}, fmt.Errorf("send: %w", err)
	}
	a, last, err := c.read(keep)
	if err != nil || last {
		c.drop()
	}
	if err != nil {
		return Answer{}, fmt.Errorf("receive: %w", err)
	}
	return a, nil
}

var (
	lengthKey     = []byte("content-length:")
	encodingKey   = []byte("transfer-encoding:")
	connectionKey = []byte("connection:")
	typeKey       = []byte("content-type:")
)

func (c *conn) read(keep bool) (a Answer, last bool, err error) {
	line, err := c.line()
	if err != nil {
		return a, true, err
	}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return a, true, fmt.Errorf("%q is no status line", line)
	}
	if a.Status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, true, fmt.Errorf("%q is no status line", line)
	}
	length, chunked := -1, false
	for {
		if line, err = c.line(); err != nil {
			return a, true, err
		}
		if len(line) == 0 {
			break
		}
		switch {
		case hasFold(line, lengthKey):
			if length, err = strconv.Atoi(value(line, lengthKey)); err != nil || length < 0 {
				return a, true, fmt.Errorf("%q is no length", line)
			}
		case hasFold(line, encodingKey):
			chunked = true
		case hasFold(line, connectionKey):
			last = value(line, connectionKey) == "close"
		case keep && hasFold(line, typeKey):
			a.ContentType = value(line, typeKey)
		}
	}
	switch {
	case a.Status == http.StatusNoContent || a.Status == http.StatusNotModified:
		c.body = c.body[:0]
	case chunked:
		err = c.readChunks()
	case length >= 0:
		err = c.fill(0, length)
	default:
		return a, true, errors.New("the answer has no length")
	}
	a.Body = c.body
	return a, last, err
}

// line returns a header line without its end.
func (c *conn) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// fill reads n bytes to the body at a place.
func (c *conn) fill(at, n int) error {
	if cap(c.body) < at+n {
		grown := make([]byte, at+n, max(2*cap(c.body), at+n))
		copy(grown, c.body[:at])
		c.body = grown
	}
	c.body = c.body[:at+n]
	_, err := io.ReadFull(c.in, c.body[at:])
	return err
}

func (c *conn) readChunks() error {
	c.body = c.body[:0]
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
		if err != nil {
			return fmt.Errorf("%q is no chunk size", line)
		}
		if err := c.fill(len(c.body), int(size)); err != nil {
			return err
		}
		end, err := c.line() // of the chunk, or of the trailer, which net/http leaves empty
		if err != nil || len(end) != 0 {
			return errors.Join(err, fmt.Errorf("%q is no end of a chunk", end))
		}
		if size == 0 {
			return nil
		}
	}
}

func hasFold(line, key []byte) bool {
	return len(line) >= len(key) && bytes.EqualFold(line[:len(key)], key)
}

func value(line, key []byte) string { return string(bytes.TrimSpace(line[len(key):])) }
