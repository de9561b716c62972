package rest

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"douyin.dev/gateway/pace"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/services/platform/memhttp"
)

// waits returns a pace whose every wait is bounded by d alone.
func waits(d time.Duration) pace.Pace { return pace.Pace{Stall: d, Grace: time.Hour, Rate: 64 << 10} }

// impatient serves a REST face that gives clients little time, over connections
// that hold nothing between the two ends, and returns one of them.
func impatient(t *testing.T, p pace.Pace, session func(Handler) Handler) net.Conn {
	t.Helper()
	r := &recording{answer: &apiv1.GetUserResponse{User: &apiv1.User{Signature: strings.Repeat("long ", 10_000)}}}
	h, err := New(Servers{
		Feed: r, User: r, Video: r, Interaction: r, Relation: r, Message: r, Publish: http.NotFoundHandler(), Stream: http.NotFoundHandler(),
	}, Options{Session: session, Pace: p})
	if err != nil {
		t.Fatal(err)
	}
	listener := memhttp.NewListener()
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	conn, err := listener.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

func TestABodyThatDoesNotComeIsNotAwaited(t *testing.T) {
	t.Parallel()
	conn := impatient(t, waits(50*time.Millisecond), nil)
	send(t, conn, "POST /douyin/user/login/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nu")
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	answer, err := io.ReadAll(conn) // until the server closes
	if err != nil || !strings.Contains(string(answer), `"status_code":`) || !strings.Contains(string(answer), "body") {
		t.Errorf("answered %q, %v", answer, err)
	}
}

func TestAnAnswerThatIsNotTakenIsBrokenOff(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	conn := impatient(t, waits(50*time.Millisecond), func(next Handler) Handler {
		return func(ctx context.Context, w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			next(ctx, w, r)
		}
	})
	send(t, conn, "GET /douyin/user/?user_id=1 HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the call waits for a client that takes nothing")
	}
}

// A deadline is that of one answer, not of the connection.
func TestAConnectionOutlastsTheDeadlineOfItsAnswers(t *testing.T) {
	t.Parallel()
	conn := impatient(t, waits(50*time.Millisecond), nil)
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	reader := bufio.NewReader(conn)
	for range 2 {
		body := "user_id=1"
		send(t, conn, "POST /douyin/user/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\n"+body)
		res, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		<-time.After(150 * time.Millisecond)
	}
}
