package rpc

import (
	"context"
	"net/http"
	"sync"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
)

// Access is a value of douyin.options.v1.Access.
type Access protoreflect.EnumNumber

// The values of douyin.options.v1.Access.
const (
	AccessUnspecified Access = 0
	AccessOpen        Access = 1
	AccessViewer      Access = 2
)

// AccessOf reads who may call a method. The option is found by name, so that
// the platform does not import generated code.
func AccessOf(method protoreflect.MethodDescriptor) Access {
	ext, err := protoregistry.GlobalTypes.FindExtensionByName("douyin.options.v1.access")
	if err != nil || method.Options() == nil || !proto.HasExtension(method.Options(), ext) {
		return AccessUnspecified
	}
	return Access(method.Options().ProtoReflect().Get(ext.TypeDescriptor()).Enum())
}

// viewers verifies the viewer token of a call and enforces the access its RPC declares.
type viewers struct {
	verifier Verifier
	accesses sync.Map // procedure to Access: reading a descriptor is slow
}

func (v *viewers) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		ctx, err := v.admit(ctx, req.Spec(), req.Header())
		if err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

func (v *viewers) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (v *viewers) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		ctx, err := v.admit(ctx, conn.Spec(), conn.RequestHeader())
		if err != nil {
			return err
		}
		return next(ctx, conn)
	}
}

func (v *viewers) admit(ctx context.Context, spec connect.Spec, header http.Header) (context.Context, error) {
	access := v.access(spec)
	token := header.Get(auth.HeaderViewerToken)
	switch {
	case access == AccessUnspecified:
		return ctx, errNoAccess
	case token == "" && access == AccessViewer:
		return ctx, fault.LoginRequired()
	case token == "":
		return ctx, nil
	}
	verified, err := v.verifier.Verify(ctx, token)
	if err != nil {
		return ctx, err
	}
	return auth.WithToken(auth.WithViewer(ctx, verified.Viewer), token), nil
}

func (v *viewers) access(spec connect.Spec) Access {
	if known, ok := v.accesses.Load(spec.Procedure); ok {
		return known.(Access)
	}
	access := AccessUnspecified
	if method, ok := spec.Schema.(protoreflect.MethodDescriptor); ok {
		access = AccessOf(method)
	}
	v.accesses.Store(spec.Procedure, access)
	return access
}

// forwardViewer sends the viewer token of the context along.
type forwardViewer struct{}

func (forwardViewer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if token, ok := auth.TokenFrom(ctx); ok {
			req.Header().Set(auth.HeaderViewerToken, token)
		}
		return next(ctx, req)
	}
}

func (forwardViewer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		if token, ok := auth.TokenFrom(ctx); ok {
			conn.RequestHeader().Set(auth.HeaderViewerToken, token)
		}
		return conn
	}
}

func (forwardViewer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}
