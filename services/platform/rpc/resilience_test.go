package rpc_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"douyin.dev/services/platform/memhttp"
	"douyin.dev/services/platform/rpc"
)

const (
	readPath  = "/test.v1.Reads/Read"
	writePath = "/test.v1.Writes/Write"
)

// flaky is a service that does what it is told, and a network that does too.
// Its tests run in a bubble: pauses take no time.
type flaky struct {
	arrived atomic.Int64 // calls the handlers saw
	left    atomic.Int64 // calls the network saw
	answer  atomic.Pointer[func(ctx context.Context) error]
	broken  atomic.Pointer[error] // what the network answers in place of the service
	network http.RoundTripper
	options []connect.ClientOption
}

func newFlaky(t *testing.T) *flaky {
	t.Helper()
	f := &flaky{options: must(rpc.ClientOptions())}
	mux := http.NewServeMux()
	for _, path := range []string{readPath, writePath} {
		mux.Handle(path, connect.NewUnaryHandlerSimple(path, func(ctx context.Context, m *text) (*text, error) {
			f.arrived.Add(1)
			if p := f.answer.Load(); p != nil {
				return m, (*p)(ctx)
			}
			return m, nil
		}))
	}
	server := memhttp.NewServer(mux, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { _ = server.Close() })
	f.network = server
	return f
}

func (f *flaky) RoundTrip(req *http.Request) (*http.Response, error) {
	f.left.Add(1)
	if p := f.broken.Load(); p != nil {
		_ = req.Body.Close()
		return nil, *p
	}
	return f.network.RoundTrip(req)
}

func (f *flaky) answers(answer func(context.Context) error) { f.answer.Store(&answer) }

func (f *flaky) fails(code connect.Code) {
	f.answers(func(context.Context) error { return connect.NewError(code, errors.New("said the service")) })
}

func (f *flaky) breaks(err error) { f.broken.Store(&err) }
func (f *flaky) mends()           { f.broken.Store(nil) }

func (f *flaky) call(ctx context.Context, path string) error {
	options := append([]connect.ClientOption{}, f.options...)
	if path == readPath {
		options = append(options, connect.WithIdempotency(connect.IdempotencyNoSideEffects))
	}
	client := connect.NewClient[text, text](rpc.Direct{RoundTripper: f}, "http://test"+path, options...)
	_, err := client.CallUnary(ctx, connect.NewRequest(&text{}))
	return err
}

// warm makes calls that succeed, which earn retries.
func (f *flaky) warm(t *testing.T, path string) {
	t.Helper()
	for range 50 {
		if err := f.call(t.Context(), path); err != nil {
			t.Fatal(err)
		}
	}
	f.arrived.Store(0)
	f.left.Store(0)
}

var (
	refusedDial = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	resetAfter  = &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}
)

// bubble runs a test with its own time and its own flaky service.
func bubble(t *testing.T, test func(*testing.T, *flaky)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, newFlaky(t)) })
}

func TestRetriesAreAFifthOfTheCallsAtMost(t *testing.T) {
	bubble(t, func(t *testing.T, f *flaky) {
		f.fails(connect.CodeUnavailable)
		for range 1000 {
			if err := f.call(t.Context(), readPath); connect.CodeOf(err) != connect.CodeUnavailable {
				t.Fatal(err)
			}
		}
		if n := f.arrived.Load(); n > 1200 || n < 1100 {
			t.Errorf("1000 calls made %d", n)
		}
	})
}

func TestReadIsRepeated(t *testing.T) {
	bubble(t, func(t *testing.T, f *flaky) {
		f.warm(t, readPath)
		f.answers(func(context.Context) error {
			if f.arrived.Load() < 3 {
				return connect.NewError(connect.CodeUnavailable, errors.New("not yet"))
			}
			return nil
		})
		if err := f.call(t.Context(), readPath); err != nil || f.arrived.Load() != 3 {
			t.Errorf("%d tries, then %v", f.arrived.Load(), err)
		}
		f.breaks(resetAfter)
		f.left.Store(0)
		if err := f.call(t.Context(), readPath); err == nil || f.left.Load() != 3 {
			t.Errorf("over a broken network: %d tries, then %v", f.left.Load(), err)
		}
	})
}

func TestOnlyUnavailabilityIsRepeated(t *testing.T) {
	bubble(t, func(t *testing.T, f *flaky) {
		f.warm(t, readPath)
		for code := connect.CodeCanceled; code <= connect.CodeUnauthenticated; code++ {
			if code == connect.CodeUnavailable {
				continue
			}
			f.arrived.Store(0)
			f.fails(code)
			if err := f.call(t.Context(), readPath); connect.CodeOf(err) != code || f.arrived.Load() != 1 {
				t.Errorf("%v: %d tries, then %v", code, f.arrived.Load(), err)
			}
		}
	})
}

func TestWriteIsNeverRepeatedOnceSent(t *testing.T) {
	bubble(t, func(t *testing.T, f *flaky) {
		f.warm(t, writePath)
		f.fails(connect.CodeUnavailable)
		_ = f.call(t.Context(), writePath)
		f.answers(func(context.Context) error { panic(http.ErrAbortHandler) })
		_ = f.call(t.Context(), writePath)
		if n := f.arrived.Load(); n != 2 {
			t.Errorf("2 writes arrived %d times", n)
		}
		f.breaks(resetAfter)
		f.left.Store(0)
		_ = f.call(t.Context(), writePath)
		if n := f.left.Load(); n != 1 {
			t.Errorf("a write over a broken connection left %d times", n)
		}
	})
}

func TestWriteThatWasNotSentIsRepeated(t *testing.T) {
	bubble(t, func(t *testing.T, f *flaky) {
		f.warm(t, writePath)
		f.breaks(refusedDial)
		if err := f.call(t.Context(), writePath); err == nil || f.left.Load() != 3 {
			t.Errorf("%d tries, then %v", f.left.Load(), err)
		}
	})
}

func TestRetriesStayInsideTheDeadline(t *testing.T) {
	bubble(t, func(t *testing.T, f *flaky) {
		f.warm(t, readPath)
		f.answers(func(context.Context) error {
			time.Sleep(40 * time.Millisecond)
			return connect.NewError(connect.CodeUnavailable, errors.New("slowly"))
		})
		for range 20 {
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			err := f.call(ctx, readPath)
			cancel()
			if took := time.Since(began); took > 50*time.Millisecond || err == nil {
				t.Errorf("took %v, %v", took, err)
			}
		}
	})
}

func TestRetryEndsWithItsCaller(t *testing.T) {
	bubble(t, func(t *testing.T, f *flaky) {
		f.warm(t, readPath)
		ctx, cancel := context.WithCancel(t.Context())
		f.answers(func(context.Context) error {
			cancel()
			return connect.NewError(connect.CodeUnavailable, errors.New("no"))
		})
		if err := f.call(ctx, readPath); err == nil || f.arrived.Load() != 1 {
			t.Errorf("%d tries, then %v", f.arrived.Load(), err)
		}
	})
}

func TestBreakerOpensWhenNobodyIsReachedAndClosesAgain(t *testing.T) {
	bubble(t, func(t *testing.T, f *flaky) {
		f.breaks(resetAfter)
		for range 200 {
			if err := f.call(t.Context(), writePath); connect.CodeOf(err) != connect.CodeUnavailable {
				t.Fatal(err)
			}
		}
		if n := f.left.Load(); n != 20 {
			t.Errorf("200 calls tried the network %d times", n)
		}
		if err := f.call(t.Context(), readPath); err == nil || f.left.Load() == 20 {
			t.Error("the breaker of one service stopped another")
		}
		f.mends()
		if err := f.call(t.Context(), writePath); err == nil {
			t.Error("closed before its pause")
		}
		time.Sleep(1001 * time.Millisecond)
		f.warm(t, writePath)
	})
}

func TestTrialThatIsGivenUpDoesNotWedgeTheBreaker(t *testing.T) {
	bubble(t, func(t *testing.T, f *flaky) {
		f.breaks(resetAfter)
		for range 30 {
			_ = f.call(t.Context(), writePath)
		}
		f.mends()
		f.answers(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		for range 5 {
			time.Sleep(1001 * time.Millisecond)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Millisecond, cancel)
			_ = f.call(ctx, writePath)
		}
		f.answers(func(context.Context) error { return nil })
		time.Sleep(1001 * time.Millisecond)
		f.warm(t, writePath)
	})
}

func TestServiceThatAnswersKeepsItsBreakerClosed(t *testing.T) {
	bubble(t, func(t *testing.T, f *flaky) {
		for _, code := range []connect.Code{connect.CodeNotFound, connect.CodeInternal, connect.CodeUnavailable, connect.CodeResourceExhausted} {
			f.arrived.Store(0)
			f.fails(code)
			for range 100 {
				_ = f.call(t.Context(), writePath)
			}
			if n := f.arrived.Load(); n != 100 {
				t.Errorf("%v: %d of 100 calls arrived", code, n)
			}
		}
	})
}

func TestBreakerOpensWhenNobodyAnswersInTime(t *testing.T) {
	bubble(t, func(t *testing.T, f *flaky) {
		f.answers(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		f.network = hanging{}
		for range 30 {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			_ = f.call(ctx, writePath)
			cancel()
		}
		if n := f.left.Load(); n != 20 {
			t.Errorf("30 calls tried the network %d times", n)
		}
	})
}

// hanging is a network where nothing comes back.
type hanging struct{}

func (hanging) RoundTrip(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	_ = req.Body.Close()
	return nil, req.Context().Err()
}

func TestServiceThatNoticesTheDeadlineFirstOpensItsBreaker(t *testing.T) {
	bubble(t, func(t *testing.T, f *flaky) {
		f.answers(func(ctx context.Context) error {
			time.Sleep(150 * time.Millisecond)
			return connect.NewError(connect.CodeDeadlineExceeded, errors.New("my database took too long"))
		})
		for range 30 {
			_ = f.call(t.Context(), writePath)
		}
		if n := f.left.Load(); n != 20 {
			t.Errorf("30 calls tried the network %d times", n)
		}
	})
}

// What callers do to their own calls must not stop the calls of others.
func TestCallersOpenNoBreaker(t *testing.T) {
	for name, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"by deadlines nobody could keep": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, slightlyTooShort)
		},
		"by leaving": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, f *flaky) {
				f.answers(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
				for range 100 {
					ctx, cancel := end(t.Context())
					_ = f.call(ctx, writePath)
					cancel()
				}
				if n := f.left.Load(); n != 100 {
					t.Errorf("100 calls tried the network %d times", n)
				}
			})
		})
	}
}

// slightlyTooShort is the longest deadline that says nothing about a service.
const slightlyTooShort = 100*time.Millisecond - time.Nanosecond
