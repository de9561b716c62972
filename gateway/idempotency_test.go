package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/gen/douyin/api/v1/apiv1connect"
	platformv1 "douyin.dev/gen/douyin/platform/v1"
	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/rpc"
)

// A change that is new here needs a key, under which it is made once.
func TestEveryChangeTakesAnIdempotencyKey(t *testing.T) {
	t.Parallel()
	changes := 0
	for procedure := range declared(t) {
		service, name, _ := strings.Cut(procedure[1:], "/")
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
		if err != nil {
			t.Fatal(err)
		}
		m := found.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(name))
		level := m.Options().(*descriptorpb.MethodOptions).GetIdempotencyLevel()
		if level == descriptorpb.MethodOptions_NO_SIDE_EFFECTS || m.IsStreamingServer() {
			continue
		}
		changes++
		request := m.Input()
		if header := request.Fields().ByName("header"); m.IsStreamingClient() && header != nil {
			request = header.Message()
		}
		if field := request.Fields().ByName("idempotency_key"); field == nil || field.Kind() != protoreflect.StringKind {
			t.Error(procedure, " takes no idempotency key")
		}
	}
	if changes < 15 {
		t.Errorf("found %d changes", changes)
	}
}

func TestTheReasonOfAnUnknownOutcomeIsTheDeclaredOne(t *testing.T) {
	t.Parallel()
	if !fault.HasReason(fault.OutcomeUnknown(nil), platformv1.ErrorReason_ERROR_REASON_OUTCOME_UNKNOWN) {
		t.Error("another")
	}
}

// stuck is a user service whose commits are not answered.
type stuck struct {
	userv1connect.UserServiceClient
	mu  sync.Mutex
	key string
}

func (s *stuck) Login(_ context.Context, req *userv1.LoginRequest) (*userv1.LoginResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = req.GetIdempotencyKey()
	return nil, fault.OutcomeUnknown(errors.New("canary"))
}

func TestConnectAndGRPCClientsLearnOfAnUnknownOutcomeAndSendKeysAsHeaders(t *testing.T) {
	t.Parallel()
	user := &stuck{}
	g := New(Deps{User: user, Log: slog.New(slog.DiscardHandler), Now: time.Now, Zone: time.UTC})
	edge, err := rpc.EdgeOptions(g.Log)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	path, h := apiv1connect.NewUserServiceHandler(g, append(edge, connect.WithInterceptors(g.interceptors()...))...)
	mux.Handle(path, g.origins().WithHeaders(h))
	server := httptest.NewUnstartedServer(mux)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	for name, option := range map[string]connect.ClientOption{
		"connect": connect.WithClientOptions(), "grpc": connect.WithGRPC(), "grpc-web": connect.WithGRPCWeb(),
	} {
		client := connect.NewClient[apiv1.LoginRequest, apiv1.LoginResponse](server.Client(), server.URL+apiv1connect.UserServiceLoginProcedure, option)
		login := func(message, header string) error {
			req := connect.NewRequest(&apiv1.LoginRequest{Username: "ada", Password: "secret", IdempotencyKey: message})
			req.Header().Set("Idempotency-Key", header)
			_, err := client.CallUnary(t.Context(), req)
			return err
		}
		err := login("", "h")
		if connect.CodeOf(err) != connect.CodeUnknown || !fault.IsOutcomeUnknown(err) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v", name, err)
		}
		if user.key != "h" {
			t.Errorf("%s: the key was %q", name, user.key)
		}
		if _ = login("m", "h"); user.key != "m" {
			t.Errorf("%s: the key was %q", name, user.key)
		}
		if f, _ := fault.As(login("", "\xff")); f == nil || f.Code() != connect.CodeInvalidArgument || f.Violations()[0].Field != "idempotency_key" {
			t.Errorf("%s: a key that is no text gave %v", name, f)
		}
	}
}
