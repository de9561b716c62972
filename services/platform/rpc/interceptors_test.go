package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/rpc"
)

func TestCallsHaveADeadlineAndItShrinks(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, protocol connect.ClientOption) {
		s := newService(t)
		s.unary(rpc.AccessOpen, func(ctx context.Context, _ *text) (*text, error) {
			deadline, ok := ctx.Deadline()
			return wrapperspb.String(fmt.Sprint(ok, " ", time.Until(deadline).Milliseconds())), nil
		})
		within := func(ctx context.Context, least, most int) {
			t.Helper()
			got, err := s.call(ctx, rpc.AccessOpen, protocol)
			left, _ := strconv.Atoi(strings.TrimPrefix(got, "true "))
			if err != nil || left < least || left > most {
				t.Errorf("got %q, %v; want true and %d to %d ms", got, err, least, most)
			}
		}
		within(context.Background(), 1, 10_000)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		within(ctx, 3_000_000, 3_600_000)
	})
}

func TestStreamsHaveNoDeadlineOfTheirOwn(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, protocol connect.ClientOption) {
		s := newService(t)
		s.stream(rpc.AccessOpen, func(ctx context.Context, _ *text, _ *connect.ServerStream[text]) error {
			if _, ok := ctx.Deadline(); ok {
				return fault.Forbidden("has one")
			}
			return nil
		})
		if err := s.open(context.Background(), rpc.AccessOpen, protocol); err != nil {
			t.Error(err)
		}
	})
}

// told is what a client reads of an error.
type told struct {
	Code       connect.Code
	Message    string
	Violations []fault.Violation
	RetryAfter int
}

func tell(err error) told {
	f, ok := fault.As(err)
	if !ok {
		return told{Message: fmt.Sprint("no fault: ", err)}
	}
	return told{f.Code(), f.Message(), f.Violations(), f.RetryAfter()}
}

func TestFaultsArriveAndInternalsDoNot(t *testing.T) {
	t.Parallel()
	secret := errors.New("password of 10.0.0.7 is hunter2")
	for name, c := range map[string]struct {
		err   error
		panic any
		want  told
		level string // of the one log line; "" for none
	}{
		"bad field": {
			err: fault.Invalid("title", "is too long").Because(secret),
			want: told{
				Code: connect.CodeInvalidArgument, Message: "title is too long",
				Violations: []fault.Violation{{Field: "title", Description: "is too long"}},
			},
		},
		"too many":    {err: fault.TooMany(7), want: told{Code: connect.CodeResourceExhausted, Message: "too many requests, try again later", RetryAfter: 7}},
		"wrapped":     {err: fmt.Errorf("while: %w", fault.NotFound("no such video")), want: told{Code: connect.CodeNotFound, Message: "no such video"}},
		"anything":    {err: secret, want: told{Code: connect.CodeInternal, Message: "internal error"}, level: "ERROR"},
		"classified":  {err: fmt.Errorf("%w: %w", errConnectionLost, secret), want: told{Code: connect.CodeUnavailable, Message: "temporarily unavailable, try again"}, level: "WARN"},
		"panic":       {panic: secret, want: told{Code: connect.CodeInternal, Message: "internal error"}, level: "ERROR"},
		"panic, nil":  {panic: (*int)(nil), want: told{Code: connect.CodeInternal, Message: "internal error"}, level: "ERROR"},
		"out of time": {err: context.DeadlineExceeded, want: told{Code: connect.CodeDeadlineExceeded, Message: "took too long, try again"}, level: "WARN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fail := func() error {
				if c.panic != nil {
					panic(c.panic)
				}
				return c.err
			}
			eachWay(t, func(t *testing.T, protocol connect.ClientOption) {
				s := newService(t)
				s.unary(rpc.AccessOpen, func(context.Context, *text) (*text, error) { return nil, fail() })
				_, err := s.call(t.Context(), rpc.AccessOpen, protocol)
				if diff := cmp.Diff(c.want, tell(err)); diff != "" {
					t.Errorf("unary told (-want +got):\n%s", diff)
				}
				loggedOnce(t, s, c.level)

				s = newService(t)
				s.stream(rpc.AccessOpen, func(context.Context, *text, *connect.ServerStream[text]) error { return fail() })
				if diff := cmp.Diff(c.want, tell(s.open(t.Context(), rpc.AccessOpen, protocol))); diff != "" {
					t.Errorf("stream told (-want +got):\n%s", diff)
				}
				loggedOnce(t, s, c.level)
			})
		})
	}
}

// loggedOnce wants one line of a level, with the procedure and the cause, or none.
func loggedOnce(t *testing.T, s *service, level string) {
	t.Helper()
	all := s.log.all(t)
	if level == "" {
		if len(all) > 0 {
			t.Errorf("logged %v", all)
		}
		return
	}
	if len(all) != 1 || all[0]["level"] != level || all[0]["procedure"] != procedureOf(rpc.AccessOpen) || all[0]["error"] == "" {
		t.Errorf("logged %v, want one %s", all, level)
	}
}

func TestPanicIsLoggedWithItsStack(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.unary(rpc.AccessOpen, func(context.Context, *text) (*text, error) { return nil, tripsOver(nil) })
	_, _ = s.call(t.Context(), rpc.AccessOpen)
	if line := fmt.Sprint(s.log.all(t)); !strings.Contains(line, "tripsOver") {
		t.Errorf("no stack in %s", line)
	}
}

func tripsOver(p *struct{ err error }) error { return p.err }

func TestAccessIsEnforced(t *testing.T) {
	t.Parallel()
	loginNeeded := told{Code: connect.CodeUnauthenticated, Message: "login needed"}
	internal := told{Code: connect.CodeInternal, Message: "internal error"}
	for name, c := range map[string]struct {
		access rpc.Access
		token  string
		refuse *told
		viewer int64
	}{
		"undeclared, anonymous": {access: rpc.AccessUnspecified, refuse: &internal},
		"undeclared, good":      {access: rpc.AccessUnspecified, token: "good", refuse: &internal},
		"open, anonymous":       {access: rpc.AccessOpen},
		"open, good":            {access: rpc.AccessOpen, token: "good", viewer: 42},
		"open, bad":             {access: rpc.AccessOpen, token: "bad", refuse: &loginNeeded},
		"viewer, anonymous":     {access: rpc.AccessViewer, refuse: &loginNeeded},
		"viewer, good":          {access: rpc.AccessViewer, token: "good", viewer: 42},
		"viewer, bad":           {access: rpc.AccessViewer, token: "bad", refuse: &loginNeeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachWay(t, func(t *testing.T, protocol connect.ClientOption) {
				ctx := auth.WithToken(t.Context(), c.token)
				check := func(ctx context.Context) error {
					viewer, _ := auth.ViewerFrom(ctx)
					if token, _ := auth.TokenFrom(ctx); viewer.UserID != c.viewer || token != c.token {
						return fault.Forbidden(fmt.Sprint("acts for ", viewer, " with ", token))
					}
					return nil
				}
				s := newService(t)
				s.unary(c.access, func(ctx context.Context, m *text) (*text, error) { return m, check(ctx) })
				_, err := s.call(ctx, c.access, protocol)
				wantRefusal(t, err, c.refuse)

				s = newService(t)
				s.stream(c.access, func(ctx context.Context, _ *text, _ *connect.ServerStream[text]) error { return check(ctx) })
				wantRefusal(t, s.open(ctx, c.access, protocol), c.refuse)
			})
		})
	}
}

func wantRefusal(t *testing.T, err error, refuse *told) {
	t.Helper()
	if refuse == nil {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if diff := cmp.Diff(*refuse, tell(err)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestMessageOverTheLimitIsRefused(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol connect.ClientOption) {
		s := newService(t)
		s.unary(rpc.AccessOpen, func(_ context.Context, m *text) (*text, error) { return m, nil })
		// A StringValue has a tag and a length around its text; JSON has quotes.
		for size, want := range map[int]connect.Code{rpc.MaxMessageBytes - 4: 0, rpc.MaxMessageBytes + 1: connect.CodeResourceExhausted} {
			_, err := s.dial(rpc.AccessOpen, protocol).CallUnary(t.Context(), connect.NewRequest(wrapperspb.String(strings.Repeat("x", size))))
			var got connect.Code
			if err != nil {
				got = connect.CodeOf(err)
			}
			if got != want {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
	})
}

func TestNothingIsPackedInside(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol connect.ClientOption) {
		s := newService(t)
		s.unary(rpc.AccessOpen, func(context.Context, *text) (*text, error) {
			return wrapperspb.String(strings.Repeat("x", 100_000)), nil
		})
		seen := &lastAnswer{RoundTripper: s.network}
		s.network = seen
		if _, err := s.call(t.Context(), rpc.AccessOpen, protocol); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"Content-Encoding", "Grpc-Encoding"} {
			if got := seen.header.Get(key); got != "" && got != "identity" {
				t.Errorf("%s: %s", key, got)
			}
		}
	})
}

type lastAnswer struct {
	http.RoundTripper
	header http.Header
}

func (l *lastAnswer) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := l.RoundTripper.RoundTrip(req)
	if err == nil {
		l.header = res.Header
	}
	return res, err
}
