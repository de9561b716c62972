package rpc_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/rpc"
)

// unreachable is a transport that must not be used.
type unreachable struct{}

func (unreachable) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("the transport was used")
}

func TestMessagesAreHandedOverAsTheyAre(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.network = unreachable{}
	question, answer := wrapperspb.String("question"), wrapperspb.String("answer")
	s.unary(rpc.AccessOpen, func(_ context.Context, m *text) (*text, error) {
		if m != question {
			return nil, fault.Forbidden("another message arrived")
		}
		return answer, nil
	})
	res, err := s.dial(rpc.AccessOpen, inProcess).CallUnary(t.Context(), connect.NewRequest(question))
	if err != nil || res.Msg != answer {
		t.Errorf("got %v, %v", res, err)
	}
}

// Only a token that was verified says who acts: what a caller's context says of
// its own viewer would never have crossed a network.
func TestTheCallersViewerDoesNotArrive(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.network = unreachable{}
	s.unary(rpc.AccessOpen, func(ctx context.Context, m *text) (*text, error) {
		if v, known := auth.ViewerFrom(ctx); known {
			return nil, fault.Forbidden("acts for " + v.SessionID)
		}
		return m, nil
	})
	ctx := auth.WithViewer(t.Context(), auth.Viewer{UserID: 7, SessionID: "somebody"})
	if _, err := s.call(ctx, rpc.AccessOpen, inProcess); err != nil {
		t.Error(err)
	}
}

func TestErrorsArriveAsOverANetwork(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.unary(rpc.AccessOpen, func(context.Context, *text) (*text, error) {
		return nil, fault.Invalid("title", "is too long").And("text", "is missing")
	})
	_, far := s.call(t.Context(), rpc.AccessOpen)
	_, near := s.call(t.Context(), rpc.AccessOpen, inProcess)
	if !connect.IsWireError(near) {
		t.Errorf("%v does not count as an answer of the service", near)
	}
	if far.Error() != near.Error() {
		t.Errorf("got %q, over the network %q", near, far)
	}
}

func TestTheShortWayIsOpenBetweenOpenAndClose(t *testing.T) {
	t.Parallel()
	s := newService(t)
	seen := &lastAnswer{RoundTripper: s.network}
	s.network = seen
	s.unary(rpc.AccessOpen, func(_ context.Context, m *text) (*text, error) { return m, nil })
	client := s.dial(rpc.AccessOpen, s.local.ClientOption())
	for _, step := range []struct {
		name  string
		do    func()
		short bool
	}{
		{"before", func() {}, false},
		{"open", s.local.Open, true},
		{"closed", s.local.Close, false},
	} {
		step.do()
		seen.header = nil
		if _, err := client.CallUnary(t.Context(), connect.NewRequest(wrapperspb.String("hello"))); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if short := seen.header == nil; short != step.short {
			t.Errorf("%s: the short way was taken: %v", step.name, short)
		}
	}
}
