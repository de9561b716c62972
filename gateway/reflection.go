package gateway

import (
	"context"
	"fmt"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// newReflector answers questions about the services of the public API with the
// files they stand in and what these import. The descriptors of the mesh are
// linked into the standalone, too, and stay unknown.
func newReflector(services []string) (*grpcreflect.Reflector, error) {
	public := &protoregistry.Files{}
	for _, name := range services {
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		if err != nil {
			return nil, fmt.Errorf("describe %s: %w", name, err)
		}
		if err := registerFile(public, d.ParentFile()); err != nil {
			return nil, fmt.Errorf("describe %s: %w", name, err)
		}
	}
	extensions := &protoregistry.Types{}
	for _, name := range []protoreflect.FullName{"douyin.options.v1.access"} {
		extension, err := protoregistry.GlobalTypes.FindExtensionByName(name)
		if err != nil {
			return nil, fmt.Errorf("describe %s: %w", name, err)
		}
		if err := extensions.RegisterExtension(extension); err != nil {
			return nil, fmt.Errorf("describe %s: %w", name, err)
		}
	}
	return grpcreflect.NewReflector(staticNames(services),
		grpcreflect.WithDescriptorResolver(public), grpcreflect.WithExtensionResolver(extensions)), nil
}

// staticNames implements grpcreflect.Namer.
type staticNames []string

// Names implements grpcreflect.Namer.
func (s staticNames) Names() []string { return s }

// registerFile registers a file behind what it imports.
func registerFile(files *protoregistry.Files, file protoreflect.FileDescriptor) error {
	if _, err := files.FindFileByPath(file.Path()); err == nil {
		return nil
	}
	for i := range file.Imports().Len() {
		if err := registerFile(files, file.Imports().Get(i).FileDescriptor); err != nil {
			return err
		}
	}
	return files.RegisterFile(file)
}

// withoutQuestion takes the request out of refusals of the reflection service,
// which repeat it: an answer never has a name that a client sent.
func withoutQuestion(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		return next(ctx, questionless{conn})
	}
}

type questionless struct{ connect.StreamingHandlerConn }

func (q questionless) Send(m any) error {
	if answer, ok := m.(proto.Message); ok {
		fields := answer.ProtoReflect().Descriptor().Fields()
		refusal, question := fields.ByName("error_response"), fields.ByName("original_request")
		if refusal != nil && question != nil && answer.ProtoReflect().Has(refusal) {
			answer.ProtoReflect().Clear(question)
		}
	}
	return q.StreamingHandlerConn.Send(m)
}
