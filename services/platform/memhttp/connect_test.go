package memhttp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

type text = wrapperspb.StringValue

const (
	unaryPath  = "/test.v1.Test/Unary"
	serverPath = "/test.v1.Test/Server"
	clientPath = "/test.v1.Test/Client"
	bidiPath   = "/test.v1.Test/Bidi"
)

// eachProtocol runs a test over every form and every protocol.
func eachProtocol(t *testing.T, h http.HandlerFunc, test func(*testing.T, func(path string) *connect.Client[text, text])) {
	t.Helper()
	eachForm(t, func(t *testing.T, open func(http.HandlerFunc) http.RoundTripper) {
		client := &http.Client{Transport: open(h)}
		for name, options := range map[string][]connect.ClientOption{
			"connect": nil, "grpc": {connect.WithGRPC()}, "grpc-web": {connect.WithGRPCWeb()},
		} {
			t.Run(name, func(t *testing.T) {
				test(t, func(path string) *connect.Client[text, text] {
					return connect.NewClient[text, text](client, "http://test"+path, options...)
				})
			})
		}
	})
}

func TestUnaryCall(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.Handle(unaryPath, connect.NewUnaryHandler(unaryPath, func(ctx context.Context, req *connect.Request[text]) (*connect.Response[text], error) {
		if _, ok := ctx.Deadline(); !ok {
			return nil, errors.New("no deadline came along")
		}
		if req.Msg.GetValue() == "fail" {
			err := connect.NewError(connect.CodeNotFound, errors.New("no such thing"))
			detail, _ := connect.NewErrorDetail(wrapperspb.String("detail"))
			err.AddDetail(detail)
			return nil, err
		}
		res := connect.NewResponse(req.Msg)
		res.Header().Set("X-Head", req.Header().Get("X-Head"))
		res.Trailer().Set("X-Trail", "end")
		return res, nil
	}, connect.WithReadMaxBytes(1<<20)))
	eachProtocol(t, mux.ServeHTTP, func(t *testing.T, dial func(string) *connect.Client[text, text]) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		client := dial(unaryPath)
		req := connect.NewRequest(wrapperspb.String(strings.Repeat("ä", 100_000)))
		req.Header().Set("X-Head", "mine")
		res, err := client.CallUnary(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		if res.Msg == req.Msg || res.Msg.GetValue() != req.Msg.GetValue() || res.Header().Get("X-Head") != "mine" || res.Trailer().Get("X-Trail") != "end" {
			t.Errorf("got %d bytes, header %v, trailer %v", len(res.Msg.GetValue()), res.Header(), res.Trailer())
		}
		_, err = client.CallUnary(ctx, connect.NewRequest(wrapperspb.String("fail")))
		var ce *connect.Error
		if !errors.As(err, &ce) || ce.Code() != connect.CodeNotFound || ce.Message() != "no such thing" || len(ce.Details()) != 1 {
			t.Errorf("fault came as %v", err)
		}
		_, err = client.CallUnary(ctx, connect.NewRequest(wrapperspb.String(strings.Repeat("x", 1<<20+1))))
		if connect.CodeOf(err) != connect.CodeResourceExhausted {
			t.Errorf("message over the limit: %v", err)
		}
	})
}

func TestUnaryCallEndsAtItsDeadline(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{}, 16)
	h := connect.NewUnaryHandlerSimple(unaryPath, func(ctx context.Context, _ *text) (*text, error) {
		<-ctx.Done()
		ended <- struct{}{}
		return nil, ctx.Err()
	})
	eachProtocol(t, h.ServeHTTP, func(t *testing.T, dial func(string) *connect.Client[text, text]) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := dial(unaryPath).CallUnary(ctx, connect.NewRequest(&text{}))
		if connect.CodeOf(err) != connect.CodeDeadlineExceeded {
			t.Errorf("got %v", err)
		}
		await(t, "the handler", ended)
	})
}

func TestStreamsInEveryDirection(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.Handle(serverPath, connect.NewServerStreamHandlerSimple(serverPath, func(_ context.Context, req *text, out *connect.ServerStream[text]) error {
		for range 100 {
			if err := out.Send(req); err != nil {
				return err
			}
		}
		return connect.NewError(connect.CodeAborted, errors.New("enough"))
	}))
	mux.Handle(clientPath, connect.NewClientStreamHandlerSimple(clientPath, func(_ context.Context, in *connect.ClientStream[text]) (*text, error) {
		var all strings.Builder
		for in.Receive() {
			if in.Msg().GetValue() == "stop" {
				return nil, connect.NewError(connect.CodeFailedPrecondition, errors.New("stopped"))
			}
			all.WriteString(in.Msg().GetValue())
		}
		return wrapperspb.String(all.String()), in.Err()
	}))
	mux.Handle(bidiPath, connect.NewBidiStreamHandler(bidiPath, func(_ context.Context, both *connect.BidiStream[text, text]) error {
		for {
			m, err := both.Receive()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err == nil {
				err = both.Send(wrapperspb.String(m.GetValue() + "!"))
			}
			if err != nil {
				return err
			}
		}
	}))
	eachProtocol(t, mux.ServeHTTP, func(t *testing.T, dial func(string) *connect.Client[text, text]) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		t.Run("server", func(t *testing.T) { serverStream(ctx, t, dial(serverPath)) })
		t.Run("client", func(t *testing.T) { clientStream(ctx, t, dial(clientPath)) })
		t.Run("both", func(t *testing.T) { bothStreams(ctx, t, dial(bidiPath)) })
	})
}

func serverStream(ctx context.Context, t *testing.T, client *connect.Client[text, text]) {
	t.Helper()
	stream, err := client.CallServerStream(ctx, connect.NewRequest(wrapperspb.String(strings.Repeat("y", 2000))))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	n := 0
	for stream.Receive() {
		n++
	}
	if n != 100 || connect.CodeOf(stream.Err()) != connect.CodeAborted {
		t.Errorf("received %d, then %v", n, stream.Err())
	}
}

func clientStream(ctx context.Context, t *testing.T, client *connect.Client[text, text]) {
	t.Helper()
	stream := client.CallClientStream(ctx)
	for range 100 {
		if err := stream.Send(wrapperspb.String("abc")); err != nil {
			t.Fatal(err)
		}
	}
	res, err := stream.CloseAndReceive()
	if err != nil || res.Msg.GetValue() != strings.Repeat("abc", 100) {
		t.Errorf("got %v, %v", res, err)
	}
	// Large messages: flow control ends a stream that nobody reads. A server answers
	// each small one with control frames, and closes the connection at 10,000.
	stream, more := client.CallClientStream(ctx), wrapperspb.String(strings.Repeat("more", 16<<10))
	for err = stream.Send(wrapperspb.String("stop")); err == nil; {
		err = stream.Send(more)
	}
	if _, answer := stream.CloseAndReceive(); !errors.Is(err, io.EOF) || connect.CodeOf(answer) != connect.CodeFailedPrecondition {
		t.Errorf("sending ended with %v, the answer is %v", err, answer)
	}
}

func bothStreams(ctx context.Context, t *testing.T, client *connect.Client[text, text]) {
	t.Helper()
	stream := client.CallBidiStream(ctx)
	for _, word := range []string{"a", "b", "c"} {
		if err := stream.Send(wrapperspb.String(word)); err != nil {
			t.Fatal(err)
		}
		if m, err := stream.Receive(); err != nil || m.GetValue() != word+"!" {
			t.Fatalf("sent %s, got %v, %v", word, m, err)
		}
	}
	if err := stream.CloseRequest(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
	_ = stream.CloseResponse()
}
