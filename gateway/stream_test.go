package gateway

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"douyin.dev/gateway/gatewaytest"
	"douyin.dev/gateway/rest"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/gen/douyin/api/v1/apiv1connect"
	messagev1 "douyin.dev/gen/douyin/message/v1"
	"douyin.dev/gen/douyin/message/v1/messagev1connect"
	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/memhttp"
	"douyin.dev/services/platform/rpc"
)

// logins is a user service whose one session ends when told.
type logins struct {
	userv1connect.UnimplementedUserServiceHandler
	verdict atomic.Pointer[error]
	asked   atomic.Int64
}

func (l *logins) VerifySession(context.Context, *userv1.VerifySessionRequest) (*userv1.VerifySessionResponse, error) {
	l.asked.Add(1)
	if p := l.verdict.Load(); p != nil {
		return nil, fault.ToWire(*p)
	}
	return &userv1.VerifySessionResponse{
		UserId: 42, SessionId: "s", ViewerToken: "viewer", ViewerTokenExpiresAtMs: time.Now().Add(time.Hour).UnixMilli(),
	}, nil
}

func (l *logins) answer(err error) { l.verdict.Store(&err) }

// mailbox pushes one message and then stays open.
type mailbox struct {
	messagev1connect.UnimplementedMessageServiceHandler
	open atomic.Int64
}

func (m *mailbox) Subscribe(ctx context.Context, _ *messagev1.SubscribeRequest, out *connect.ServerStream[messagev1.SubscribeResponse]) error {
	m.open.Add(1)
	defer m.open.Add(-1)
	if err := out.Send(&messagev1.SubscribeResponse{Message: &messagev1.Message{Id: 7, Content: "hi"}, CursorMs: 1}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// serveMesh serves handlers and returns a client that reaches them.
func serveMesh(t *testing.T, h http.Handler) connect.HTTPClient {
	t.Helper()
	s := memhttp.NewServer(h, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { _ = s.Close() })
	return rpc.Direct{RoundTripper: s}
}

func newStreaming(t *testing.T) (*Gateway, *logins, *mailbox) {
	t.Helper()
	users, box, mux := &logins{}, &mailbox{}, http.NewServeMux()
	mux.Handle(userv1connect.NewUserServiceHandler(users))
	mux.Handle(messagev1connect.NewMessageServiceHandler(box))
	mesh := serveMesh(t, mux)
	g := New(Deps{
		User:    userv1connect.NewUserServiceClient(mesh, "http://user"),
		Message: messagev1connect.NewMessageServiceClient(mesh, "http://message"),
		Log:     slog.New(slog.DiscardHandler), Now: time.Now, Settings: Settings{SessionRecheck: 20 * time.Millisecond},
	})
	return g, users, box
}

// subscribe opens a stream over Connect and waits for its first message.
func subscribe(t *testing.T, g *Gateway) *connect.ServerStreamForClient[apiv1.SubscribeResponse] {
	t.Helper()
	mux := http.NewServeMux()
	edge, err := rpc.EdgeOptions(g.Log)
	if err != nil {
		t.Fatal(err)
	}
	path, h := apiv1connect.NewMessageStreamServiceHandler(g, append(edge, connect.WithInterceptors(g.interceptors()...))...)
	mux.Handle(path, g.origins().WithHeaders(h))
	client := apiv1connect.NewMessageStreamServiceClient(serveMesh(t, mux), "http://gateway", connect.WithInterceptors(bearer("t")))
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	stream, err := client.Subscribe(ctx, &apiv1.SubscribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stream.Close() })
	if !stream.Receive() || stream.Msg().GetMessage().GetId() != 7 {
		t.Fatalf("first message: %v, %v", stream.Msg(), stream.Err())
	}
	return stream
}

func TestStreamEndsWithItsSession(t *testing.T) {
	t.Parallel()
	g, users, box := newStreaming(t)
	stream := subscribe(t, g)
	users.answer(fault.LoginRequired())
	for stream.Receive() {
	}
	if connect.CodeOf(stream.Err()) != connect.CodeUnauthenticated {
		t.Errorf("ended with %v", stream.Err())
	}
	for deadline := time.Now().Add(testTimeout); box.open.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the message service still pushes")
		}
	}
}

func TestStreamOutlivesASilentUserService(t *testing.T) {
	t.Parallel()
	g, users, box := newStreaming(t)
	subscribe(t, g)
	users.answer(fault.Unavailable(errors.New("down")))
	asked := users.asked.Load()
	for deadline := time.Now().Add(testTimeout); users.asked.Load() < asked+5; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the session is not checked any more")
		}
	}
	if box.open.Load() != 1 {
		t.Error("the stream has ended")
	}
}

func TestEventStreamEndsWithItsSession(t *testing.T) {
	t.Parallel()
	g, users, _ := newStreaming(t)
	api, err := g.restHandler(rest.Signals{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/douyin/message/stream/?after=0&token=t", nil)
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() && !strings.Contains(lines.Text(), `"content":"hi"`) {
	}
	users.answer(fault.LoginRequired())
	for lines.Scan() {
	}
	if lines.Err() != nil {
		t.Errorf("ended with %v", lines.Err())
	}
}

func TestHeadOfTheEventStreamEndsAtOnce(t *testing.T) {
	t.Parallel()
	g, _, _ := newStreaming(t)
	api, err := g.restHandler(rest.Signals{})
	if err != nil {
		t.Fatal(err)
	}
	head := serve(t, api).do(gatewaytest.Request(http.MethodHead, "/douyin/message/stream?token=t", nil))
	if head.StatusCode != http.StatusOK || head.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HTTP %d %v", head.StatusCode, head.Header)
	}
}

// bearer sends a token along with every call.
type bearer string

func (b bearer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc { return next }

func (b bearer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		conn.RequestHeader().Set("Authorization", "Bearer "+string(b))
		return conn
	}
}

func (b bearer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}
