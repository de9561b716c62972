package policy_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"douyin.dev/gateway/policy"
	optionsv1 "douyin.dev/gen/douyin/options/v1"
	"douyin.dev/services/platform/rpc"
)

func policies(t *testing.T) policy.Policies {
	t.Helper()
	all, err := policy.Read()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 34 {
		t.Fatalf("found %d RPCs, the test looks in the wrong place", len(all))
	}
	return all
}

// isRead reports whether an RPC changes nothing.
func isRead(m protoreflect.MethodDescriptor) bool {
	level := m.Options().(*descriptorpb.MethodOptions).GetIdempotencyLevel()
	return level == descriptorpb.MethodOptions_NO_SIDE_EFFECTS || m.IsStreamingServer()
}

func TestReadsSpendNothingAndEveryChangeSpendsABudget(t *testing.T) {
	t.Parallel()
	for procedure, p := range policies(t) {
		if none := p.Spends(optionsv1.Budget_BUDGET_NONE); none != isRead(p.RPC) || none && len(p.Budgets) > 1 {
			t.Errorf("%s spends %v, and is a read: %v", procedure, p.Budgets, isRead(p.RPC))
		}
		if action := p.Spends(optionsv1.Budget_BUDGET_ACTION); action != (!isRead(p.RPC) && p.Access == rpc.AccessViewer) {
			t.Errorf("%s spends %v with access %v: the budget of actions is a viewer's", procedure, p.Budgets, p.Access)
		}
	}
}

func TestEveryIDOfARequestSaysWhetherItIsRequired(t *testing.T) {
	t.Parallel()
	for procedure, p := range policies(t) {
		fields := policy.Request(p.RPC).Fields()
		for i := range fields.Len() {
			fd := fields.Get(i)
			if fd.Kind() == protoreflect.Int64Kind && strings.HasSuffix(string(fd.Name()), "_id") && !proto.HasExtension(fd.Options(), optionsv1.E_Required) {
				t.Errorf("%s: %s does not say whether it is required", procedure, fd.Name())
			}
		}
	}
}

func TestEveryTextThatClientsWriteHasALength(t *testing.T) {
	t.Parallel()
	for procedure, p := range policies(t) {
		fields := policy.Request(p.RPC).Fields()
		for i := range fields.Len() {
			fd := fields.Get(i)
			given := fd.Name() == "page_token" || fd.Name() == "upload_id" // clients send back what they were given
			if fd.Kind() == protoreflect.StringKind && !given && policy.MaxLength(fd) == 0 {
				t.Errorf("%s: %s has no max_length", procedure, fd.Name())
			}
		}
	}
}

// method returns an RPC with options.
func method(t *testing.T, options *descriptorpb.MethodOptions) protoreflect.MethodDescriptor {
	t.Helper()
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("test.proto"), Package: proto.String("test"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("M")}},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("S"), Method: []*descriptorpb.MethodDescriptorProto{{
			Name: proto.String("Call"), InputType: proto.String(".test.M"), OutputType: proto.String(".test.M"), Options: options,
		}}}},
	}, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	return file.Services().Get(0).Methods().Get(0)
}

func TestAnRPCThatForgetsToDeclareIsNamed(t *testing.T) {
	t.Parallel()
	options := &descriptorpb.MethodOptions{}
	for _, next := range []struct {
		missing string
		declare func()
	}{
		{"access", func() { proto.SetExtension(options, optionsv1.E_Access, optionsv1.Access_ACCESS_OPEN) }},
		{"budgets", func() {
			proto.SetExtension(options, optionsv1.E_Budgets, []optionsv1.Budget{optionsv1.Budget_BUDGET_NONE})
		}},
		{"importance", func() {
			proto.SetExtension(options, optionsv1.E_Importance, optionsv1.Importance_IMPORTANCE_LOW)
		}},
	} {
		if _, err := policy.Of(method(t, options)); err == nil || !strings.Contains(err.Error(), "test.S.Call does not declare its "+next.missing) {
			t.Errorf("without its %s: %v", next.missing, err)
		}
		next.declare()
	}
	if _, err := policy.Of(method(t, options)); err != nil {
		t.Errorf("with all of them: %v", err)
	}
}
