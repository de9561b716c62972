package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect"

	"douyin.dev/gateway/rest"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	messagev1 "douyin.dev/gen/douyin/message/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/pause"
)

// Subscribe pushes the caller's messages over Connect and gRPC.
func (g *Gateway) Subscribe(ctx context.Context, req *apiv1.SubscribeRequest, out *connect.ServerStream[apiv1.SubscribeResponse]) error {
	return g.follow(ctx, req.After, func(m *apiv1.Message, cursor int64) error {
		return out.Send(&apiv1.SubscribeResponse{Message: m, Cursor: cursor})
	})
}

// How long a break of the message service is bridged before the
// client is left to come back.
const (
	resubscribePause = 200 * time.Millisecond
	resubscribeLimit = 50
)

// follow delivers the caller's messages after a cursor. When the message
// service goes away it goes on from the last cursor, so nothing is missing and
// nothing comes twice. It ends with ctx, with the caller's session, or after
// ten seconds of failures.
func (g *Gateway) follow(ctx context.Context, after *int64, deliver func(*apiv1.Message, int64) error) error {
	return g.whileInSession(ctx, func(ctx context.Context) error { return g.forward(ctx, after, deliver) })
}

// whileInSession runs a stream until it ends by itself, the caller's session does, or
// the process drains.
func (g *Gateway) whileInSession(ctx context.Context, stream func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		g.watchSession(ctx, cancel)
	}()
	defer func() {
		cancel(nil)
		<-watching
	}()
	defer context.AfterFunc(g.streams, func() { cancel(nil) })()
	err := stream(ctx)
	if ended, ok := fault.As(context.Cause(ctx)); ok {
		return ended
	}
	return err
}

// watchSession ends a stream whose session was revoked or is over. A session
// is believed between two checks, so the end comes within one and a half times
// SessionRecheck. A user service that cannot answer ends nothing.
func (g *Gateway) watchSession(ctx context.Context, end context.CancelCauseFunc) {
	every := time.NewTicker(max(g.Settings.SessionRecheck/2, 10*time.Millisecond))
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if _, err := g.sessions.find(ctx, rest.TokenFrom(ctx)); fault.CodeOf(err) == connect.CodeUnauthenticated {
			end(err)
			return
		}
	}
}

func (g *Gateway) forward(ctx context.Context, after *int64, deliver func(*apiv1.Message, int64) error) error {
	return reopen(ctx, func() opening {
		stream, err := g.Message.Subscribe(g.freshViewer(ctx), &messagev1.SubscribeRequest{AfterMs: after})
		if err != nil {
			return opening{over: true, err: err}
		}
		defer func() { _ = stream.Close() }()
		received := false
		for stream.Receive() {
			received = true
			res := stream.Msg()
			cursor := res.GetCursorMs()
			var m *apiv1.Message
			if res.GetMessage() != nil {
				m = publicMessage(res.GetMessage())
			}
			if err := deliver(m, cursor); err != nil {
				return opening{over: true, err: err}
			}
			after = &cursor
		}
		return opening{received: received, err: stream.Err()}
	})
}

// opening is what came of opening a service's stream and reading it to its end.
type opening struct {
	// received says that something came; over, that it is not opened again.
	received, over bool
	err            error
}

// reopen opens a stream until it is over, its caller is logged out, or it failed too
// often in a row.
func reopen(ctx context.Context, open func() opening) error {
	failures := 0
	for {
		o := open()
		if o.received {
			failures = 0
		}
		if failures++; o.over || ctx.Err() != nil || failures > resubscribeLimit || connect.CodeOf(o.err) == connect.CodeUnauthenticated {
			return o.err
		}
		if !pause.For(ctx, resubscribePause) {
			return ctx.Err()
		}
	}
}

// freshViewer replaces the viewer token of a call that lasts longer than one.
func (g *Gateway) freshViewer(ctx context.Context) context.Context {
	known, err := g.sessions.find(ctx, rest.TokenFrom(ctx))
	if err != nil {
		return ctx
	}
	return auth.WithToken(ctx, known.token)
}

// messageStream is the same as Server-Sent Events, for browsers: GET
// /douyin/message/stream?token=…&after=…, or Last-Event-ID on reconnect. An
// event's id is the cursor to go on from.
func (g *Gateway) messageStream(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodHead {
		leave, err := g.admission.enterStream(r.Context())
		if err != nil {
			rest.AnswerError(r.Context(), w, err)
			return
		}
		defer leave()
	}
	after := eventCursor(r)
	beginEvents(w)
	if r.Method == http.MethodHead {
		return
	}
	flusher := http.NewResponseController(w)
	fmt.Fprint(w, eventRetry)
	_ = flusher.Flush()
	_ = g.follow(r.Context(), after, func(m *apiv1.Message, cursor int64) error {
		if m == nil {
			// Moves the browser's last event id and dispatches nothing.
			fmt.Fprintf(w, "id: %d\n\n", cursor)
			return flusher.Flush()
		}
		body, err := rest.MarshalMessage(r.Context(), m)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "id: %d\nevent: message\ndata: %s\n\n", cursor, body)
		return flusher.Flush()
	})
}

// eventRetry has a browser come back a second after a stream broke.
const eventRetry = "retry: 1000\n\n"

// beginEvents sets the headers of Server-Sent Events.
func beginEvents(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
}

// eventCursor answers where the browser stopped; nil for from now on.
func eventCursor(r *http.Request) *int64 {
	for _, s := range []string{r.Header.Get("Last-Event-ID"), r.Form.Get("after")} {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
			return &n
		}
	}
	return nil
}
