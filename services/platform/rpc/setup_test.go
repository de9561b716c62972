package rpc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/memhttp"
	"douyin.dev/services/platform/rpc"
)

type text = wrapperspb.StringValue

// methods are those of a service that declares each access there is. The
// option is registered under its real name: the package knows it only by that.
var methods = sync.OnceValue(func() map[rpc.Access]protoreflect.MethodDescriptor {
	options := must(protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("test/options.proto"), Package: proto.String("douyin.options.v1"), Syntax: proto.String("proto3"),
		Dependency: []string{"google/protobuf/descriptor.proto"},
		EnumType: []*descriptorpb.EnumDescriptorProto{{Name: proto.String("Access"), Value: []*descriptorpb.EnumValueDescriptorProto{
			{Name: proto.String("ACCESS_UNSPECIFIED"), Number: proto.Int32(0)},
			{Name: proto.String("ACCESS_OPEN"), Number: proto.Int32(1)},
			{Name: proto.String("ACCESS_VIEWER"), Number: proto.Int32(2)},
		}}},
		Extension: []*descriptorpb.FieldDescriptorProto{{
			Name: proto.String("access"), Number: proto.Int32(50001), Extendee: proto.String(".google.protobuf.MethodOptions"),
			Type: descriptorpb.FieldDescriptorProto_TYPE_ENUM.Enum(), TypeName: proto.String(".douyin.options.v1.Access"),
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		}},
	}, protoregistry.GlobalFiles))
	access := dynamicpb.NewExtensionType(options.Extensions().Get(0))
	if err := protoregistry.GlobalTypes.RegisterExtension(access); err != nil {
		panic(err)
	}
	service := &descriptorpb.ServiceDescriptorProto{Name: proto.String("Test")}
	names := map[rpc.Access]string{rpc.AccessUnspecified: "Undeclared", rpc.AccessOpen: "Open", rpc.AccessViewer: "Viewer"}
	for value, name := range names {
		declared := &descriptorpb.MethodOptions{}
		if value != rpc.AccessUnspecified {
			declared.ProtoReflect().Set(access.TypeDescriptor(), protoreflect.ValueOfEnum(protoreflect.EnumNumber(value)))
		}
		service.Method = append(service.Method, &descriptorpb.MethodDescriptorProto{
			Name: proto.String(name), Options: declared,
			InputType: proto.String(".google.protobuf.StringValue"), OutputType: proto.String(".google.protobuf.StringValue"),
		})
	}
	file := must(protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("test/test.proto"), Package: proto.String("test.v1"), Syntax: proto.String("proto3"),
		Dependency: []string{"google/protobuf/wrappers.proto"}, Service: []*descriptorpb.ServiceDescriptorProto{service},
	}, protoregistry.GlobalFiles))
	all := map[rpc.Access]protoreflect.MethodDescriptor{}
	for value, name := range names {
		all[value] = file.Services().Get(0).Methods().ByName(protoreflect.Name(name))
	}
	return all
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func procedureOf(access rpc.Access) string {
	return "/test.v1.Test/" + string(methods()[access].Name())
}

// tokens is a verifier that knows one token.
type tokens struct{}

func (tokens) Verify(_ context.Context, token string) (auth.Verified, error) {
	if token != "good" {
		return auth.Verified{}, fault.LoginRequired().Because(errors.New("not the one I know"))
	}
	return auth.Verified{Viewer: auth.Viewer{UserID: 42, SessionID: "s"}}, nil
}

// lines is a log that can be read back.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// all returns what was logged, one map a line.
func (l *lines) all(t *testing.T) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []map[string]any
	for line := range strings.Lines(l.buf.String()) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

var errConnectionLost = errors.New("connection to 10.0.0.7 lost")

// service is handlers with the mesh's options and clients of them.
type service struct {
	mux     *http.ServeMux
	handler connect.HandlerOption
	log     *lines
	level   slog.LevelVar
	network http.RoundTripper
	local   *rpc.Local
	client  []connect.ClientOption
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{mux: http.NewServeMux(), log: &lines{}, local: rpc.NewLocal()}
	log := slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: &s.level}))
	s.handler = connect.WithHandlerOptions(s.local.HandlerOption(), connect.WithHandlerOptions(must(rpc.HandlerOptions(rpc.HandlerDeps{
		Log: log, Verifier: tokens{},
		Classify: func(err error) error {
			if errors.Is(err, errConnectionLost) {
				return fault.Unavailable(err)
			}
			return err
		},
	}))...))
	server := memhttp.NewServer(s.mux, log)
	t.Cleanup(func() { _ = server.Close() })
	s.network, s.client = server, must(rpc.ClientOptions())
	return s
}

// unary mounts a handler with an access.
func (s *service) unary(access rpc.Access, f func(context.Context, *text) (*text, error)) {
	procedure := procedureOf(access)
	s.mux.Handle(procedure, connect.NewUnaryHandlerSimple(procedure, f, s.handler, connect.WithSchema(methods()[access])))
}

func (s *service) stream(access rpc.Access, f func(context.Context, *text, *connect.ServerStream[text]) error) {
	procedure := procedureOf(access)
	s.mux.Handle(procedure, connect.NewServerStreamHandlerSimple(procedure, f, s.handler, connect.WithSchema(methods()[access])))
}

func (s *service) dial(access rpc.Access, options ...connect.ClientOption) *connect.Client[text, text] {
	options = append(append([]connect.ClientOption{connect.WithSchema(methods()[access])}, s.client...), options...)
	if slices.Contains(options, inProcess) {
		s.local.Open()
		options = append(options, s.local.ClientOption())
	}
	return connect.NewClient[text, text](rpc.Direct{RoundTripper: s.network}, "http://test"+procedureOf(access), options...)
}

// call makes a unary call.
func (s *service) call(ctx context.Context, access rpc.Access, options ...connect.ClientOption) (string, error) {
	res, err := s.dial(access, options...).CallUnary(ctx, connect.NewRequest(wrapperspb.String("hello")))
	if err != nil {
		return "", err
	}
	return res.Msg.GetValue(), nil
}

// open makes a streaming call and returns how it ended.
func (s *service) open(ctx context.Context, access rpc.Access, options ...connect.ClientOption) error {
	stream, err := s.dial(access, options...).CallServerStream(ctx, connect.NewRequest(wrapperspb.String("hello")))
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	for stream.Receive() {
	}
	return stream.Err()
}

// inProcess stands for the short way.
var inProcess connect.ClientOption = &struct{ connect.ClientOption }{connect.WithClientOptions()}

// eachWay runs a test over every protocol and the short way.
func eachWay(t *testing.T, test func(*testing.T, connect.ClientOption)) {
	t.Helper()
	eachProtocol(t, test)
	t.Run("local", func(t *testing.T) {
		t.Parallel()
		test(t, inProcess)
	})
}

// eachProtocol runs a test over every protocol clients speak.
func eachProtocol(t *testing.T, test func(*testing.T, connect.ClientOption)) {
	t.Helper()
	for name, option := range map[string]connect.ClientOption{
		"connect": connect.WithClientOptions(), "json": connect.WithProtoJSON(), "grpc": connect.WithGRPC(), "grpc-web": connect.WithGRPCWeb(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, option)
		})
	}
}
