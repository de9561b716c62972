package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// echo is a client that asks for one page and expects a body.
type echo struct{ want string }

func (e *echo) Next() []byte { return Get(nil, "h", "/", "") }
func (e *echo) Done(error)   {}

func (e *echo) Quick(a Answer) error {
	if a.Status != http.StatusOK {
		return fmt.Errorf("HTTP %d", a.Status)
	}
	return nil
}

func (e *echo) Judge() func(Answer) error {
	return func(a Answer) error {
		if string(a.Body) != e.want {
			return fmt.Errorf("body is %q", a.Body)
		}
		return nil
	}
}

// server answers requests over pipes, one after the other on each: serve
// returns what to write for the nth request of all.
func server(serve func(n int) string) Dial {
	var n atomic.Int64
	return func(context.Context) (net.Conn, error) {
		client, far := net.Pipe()
		go func() {
			defer far.Close()
			for in := bufio.NewReader(far); ; {
				req, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				_ = req.Body.Close()
				if _, err := far.Write([]byte(serve(int(n.Add(1))))); err != nil {
					return
				}
			}
		}()
		return client, nil
	}
}

func page(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// stalling answers in a millisecond, but once takes a second.
func stalling(n int) string {
	if n == 100 {
		time.Sleep(time.Second)
	}
	time.Sleep(time.Millisecond)
	return page("ok")
}

func TestClosedLoopSeesAStallOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, err := Run(t.Context(), Options{
			Dial: server(stalling), Connections: 1, Duration: 3 * time.Second, Client: func(int) Client { return &echo{} },
		})
		if err != nil {
			t.Fatal(err)
		}
		// 2 s of a millisecond each; the stall is one of 2,000 and hides behind p99.
		if r.Requests < 1990 || r.Requests > 2001 || r.Latency.Max < 1000 || r.Latency.P99 > 2 {
			t.Errorf("%+v", r)
		}
	})
}

func TestOpenLoopCountsAStallForAllWhoWouldHaveWaited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, err := Run(t.Context(), Options{
			Dial: server(stalling), Connections: 1, Duration: 3 * time.Second, Rate: 100, Client: func(int) Client { return &echo{} },
		})
		if err != nil {
			t.Fatal(err)
		}
		// 100 of 300 were due during the stall of the 100th: half of them waited over half a second.
		if r.Requests != 300 || r.Latency.P50 > 2 || r.Latency.P90 < 500 || r.Latency.Max < 1000 {
			t.Errorf("%+v", r)
		}
	})
}

func TestWarmupIsNotMeasured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var begun, ended time.Time
		started := time.Now()
		slowAtFirst := func(n int) string {
			if n <= 10 {
				time.Sleep(100 * time.Millisecond)
			}
			time.Sleep(10 * time.Millisecond)
			return page("ok")
		}
		r, err := Run(t.Context(), Options{
			Dial: server(slowAtFirst), Connections: 1, Warmup: 2 * time.Second, Duration: time.Second, Client: func(int) Client { return &echo{} },
			Begin: func() { begun = time.Now() }, End: func() { ended = time.Now() },
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Latency.Max > 11 || r.Requests < 99 || r.Requests > 101 {
			t.Errorf("%+v", r)
		}
		if begun.Sub(started) != 2*time.Second || ended.Sub(begun) != time.Second {
			t.Errorf("begun after %s, ended %s later", begun.Sub(started), ended.Sub(begun))
		}
	})
}

func TestErrorsAreNoSpeed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		everyThirdFails := func(n int) string {
			time.Sleep(time.Millisecond)
			if n%3 == 0 {
				return "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
			}
			return page("ok")
		}
		r, err := Run(t.Context(), Options{Dial: server(everyThirdFails), Connections: 1, Duration: time.Second, Client: func(int) Client { return &echo{} }})
		if err != nil {
			t.Fatal(err)
		}
		if !r.Failed() || r.Errors == 0 || r.Requests < 2*r.Errors-2 || r.Requests > 2*r.Errors+2 || len(r.Examples) != 1 {
			t.Errorf("%+v", r)
		}
	})
}

func TestFastWrongAnswersFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wrong := func(int) string { time.Sleep(time.Millisecond); return page("{}") }
		r, err := Run(t.Context(), Options{
			Dial: server(wrong), Connections: 2, Duration: time.Second, Sample: 10, Client: func(int) Client { return &echo{want: "a page"} },
		})
		if err != nil {
			t.Fatal(err)
		}
		if !r.Failed() || r.Sampled < 100 || r.Wrong != r.Sampled {
			t.Errorf("%+v", r)
		}
	})
}

func TestServerThatNeverAnswersIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		end := make(chan struct{})
		defer close(end)
		hanging := func(int) string { <-end; return "" }
		r, err := Run(t.Context(), Options{Dial: server(hanging), Connections: 3, Duration: time.Second, Client: func(int) Client { return &echo{} }})
		if err != nil {
			t.Fatal(err)
		}
		if r.Errors != 3 || r.Requests != 0 || time.Since(started) > time.Second+grace+time.Second {
			t.Errorf("%+v after %s", r, time.Since(started))
		}
	})
}

func TestConnectionReadsEveryFramingAndComesBack(t *testing.T) {
	t.Parallel()
	answers := []string{
		page("first"),
		"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nsec\r\n3\r\nond\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nthird",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n" + strings.Repeat("x", 40000),
	}
	dials := 0
	dial := server(func(n int) string { return answers[n-1] })
	c := newConn(func(ctx context.Context) (net.Conn, error) { dials++; return dial(ctx) })
	defer c.close()
	for i, want := range []string{"first", "second", "third", "", strings.Repeat("x", 40000)} {
		a, err := c.do(t.Context(), Get(nil, "h", "/", ""), i == 0)
		if err != nil || string(a.Body) != want {
			t.Fatalf("answer %d is %d bytes, %v", i, len(a.Body), err)
		}
		if i == 0 && a.ContentType != "text/plain" {
			t.Errorf("content type %q", a.ContentType)
		}
	}
	if dials != 2 {
		t.Errorf("%d connections, want one more after Connection: close", dials)
	}
}

func TestNoAnswerIsAnError(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"oops\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"} {
		c := newConn(server(func(int) string { return answer }))
		if _, err := c.do(t.Context(), Get(nil, "h", "/", ""), false); err == nil {
			t.Errorf("%q was read", answer)
		}
		c.close()
		if _, err := c.do(t.Context(), Get(nil, "h", "/", ""), false); !errors.Is(err, errClosed) {
			t.Errorf("after close: %v", err)
		}
	}
}

func TestHistogramTellsQuantiles(t *testing.T) {
	t.Parallel()
	a, b := NewHistogram(), NewHistogram()
	for i := range 1000 {
		h := a
		if i%2 == 0 {
			h = b
		}
		h.Record(time.Duration(i+1) * time.Millisecond)
	}
	a.Merge(b)
	a.Record(time.Hour) // counts as a minute
	l := a.Latency()
	for name, pair := range map[string][2]float64{"p50": {l.P50, 501}, "p90": {l.P90, 901}, "p99": {l.P99, 991}, "p99.9": {l.P999, 1000}, "max": {l.Max, 60_000}} {
		if got, want := pair[0], pair[1]; got < want*0.995 || got > want*1.005 {
			t.Errorf("%s is %.1f ms, want about %.0f", name, got, want)
		}
	}
	if a.Count() != 1001 {
		t.Errorf("%d recorded", a.Count())
	}
}
