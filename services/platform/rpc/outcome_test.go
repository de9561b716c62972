package rpc_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect"

	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/memhttp"
	"douyin.dev/services/platform/rpc"
)

func TestWriteThatWasSentAndNotAnsweredHasAnUnknownOutcome(t *testing.T) {
	bubble(t, func(t *testing.T, f *flaky) {
		f.warm(t, writePath)
		sent := map[string]func(){
			"Broken":   func() { f.breaks(resetAfter) },
			"Hanging":  func() { f.network = hanging{} },
			"Gateway":  func() { f.network = refusing(http.StatusGatewayTimeout) },
			"Panicked": func() { f.answers(func(context.Context) error { panic(http.ErrAbortHandler) }) },
		}
		healthy := f.network
		for name, fail := range sent {
			for path, unknown := range map[string]bool{writePath: true, readPath: false} {
				fail()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				err := f.call(ctx, path)
				cancel()
				f.mends()
				f.network = healthy
				f.answers(func(context.Context) error { return nil })
				if err == nil || fault.IsOutcomeUnknown(err) != unknown {
					t.Errorf("%s: %s gave %v", name, path, err)
				}
			}
		}
	})
}

func TestWriteThatWasAnsweredOrNotSentHasAKnownOutcome(t *testing.T) {
	bubble(t, func(t *testing.T, f *flaky) {
		f.warm(t, writePath)
		for code := connect.CodeCanceled; code <= connect.CodeUnauthenticated; code++ {
			f.fails(code)
			if err := f.call(t.Context(), writePath); err == nil || fault.IsOutcomeUnknown(err) {
				t.Errorf("answered %v: %v", code, err)
			}
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		f.left.Store(0)
		if err := f.call(ended, writePath); err == nil || fault.IsOutcomeUnknown(err) || f.left.Load() != 0 {
			t.Errorf("called too late: %v, sent %d times", err, f.left.Load())
		}
		f.breaks(refusedDial)
		for range 30 { // at last the breaker is open
			if err := f.call(t.Context(), writePath); fault.IsOutcomeUnknown(err) || fault.CodeOf(err) != connect.CodeUnavailable {
				t.Errorf("not sent: %v", err)
			}
		}
	})
}

func TestWriteThatWaitsForAnAddressInVainHadNoEffect(t *testing.T) {
	t.Parallel()
	network := rpc.NewBalancer(rpc.BalancerOptions{Resolver: addressless{}})
	defer network.Close()
	client := connect.NewClient[text, text](rpc.Direct{RoundTripper: network}, "http://nowhere:1"+writePath, must(rpc.ClientOptions())...)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := client.CallUnary(ctx, connect.NewRequest(&text{})); err == nil || fault.IsOutcomeUnknown(err) {
		t.Errorf("got %v", err)
	}
}

type addressless struct{}

func (addressless) LookupHost(context.Context, string) ([]string, error) {
	return nil, errors.New("no such host")
}

// An upload has an effect only when its end arrived.
func TestUploadThatEndedAndIsNotAnsweredHasAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	const path = "/test.v1.Uploads/Upload"
	mux := http.NewServeMux()
	mux.Handle(path, connect.NewClientStreamHandlerSimple(path, func(_ context.Context, s *connect.ClientStream[text]) (*text, error) {
		for s.Receive() {
		}
		panic(http.ErrAbortHandler)
	}))
	server := memhttp.NewServer(mux, slog.New(slog.DiscardHandler))
	defer server.Close()
	client := connect.NewClient[text, text](rpc.Direct{RoundTripper: server}, "http://test"+path, must(rpc.ClientOptions())...)
	whole := client.CallClientStream(t.Context())
	if err := whole.Send(&text{}); err != nil {
		t.Fatal(err)
	}
	if _, err := whole.CloseAndReceive(); !fault.IsOutcomeUnknown(err) {
		t.Errorf("the whole upload gave %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	broken := client.CallClientStream(ctx)
	if err := broken.Send(&text{}); err != nil {
		t.Fatal(err)
	}
	cancel()
	var err error
	for err == nil {
		err = broken.Send(&text{})
	}
	if fault.IsOutcomeUnknown(err) {
		t.Errorf("the broken upload gave %v", err)
	}
}

func TestReadNeverAnswersAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	options := must(rpc.HandlerOptions(rpc.HandlerDeps{Log: slog.New(slog.DiscardHandler)}))
	for _, level := range []connect.IdempotencyLevel{connect.IdempotencyUnknown, connect.IdempotencyNoSideEffects} {
		mux := http.NewServeMux()
		schema := connect.WithSchema(methods()[rpc.AccessOpen])
		mux.Handle(writePath, connect.NewUnaryHandlerSimple(writePath, func(context.Context, *text) (*text, error) {
			return nil, fault.OutcomeUnknown(io.ErrUnexpectedEOF)
		}, append(options, connect.WithIdempotency(level), schema)...))
		server := memhttp.NewServer(mux, slog.New(slog.DiscardHandler))
		client := connect.NewClient[text, text](rpc.Direct{RoundTripper: server}, "http://test"+writePath)
		_, err := client.CallUnary(t.Context(), connect.NewRequest(&text{}))
		_ = server.Close()
		want := connect.CodeUnknown
		if level == connect.IdempotencyNoSideEffects {
			want = connect.CodeUnavailable
		}
		if connect.CodeOf(err) != want || fault.IsOutcomeUnknown(err) != (want == connect.CodeUnknown) {
			t.Errorf("level %v answers %v", level, err)
		}
	}
}

// refusing is a proxy that answers by itself.
type refusing int

func (r refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	_ = req.Body.Close()
	return &http.Response{StatusCode: int(r), Status: http.StatusText(int(r)), Header: http.Header{}, Body: http.NoBody, Request: req, ProtoMajor: 1, ProtoMinor: 1}, nil
}
