// Package policy reads what the public API's protos declare of each RPC
// (douyin/options/v1): who may call it, what a call counts against, how important
// it is under load, and which ids it cannot do without. Nothing else says these
// things again.
package policy

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	optionsv1 "douyin.dev/gen/douyin/options/v1"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/rpc"
)

// Policy is what an RPC declares.
type Policy struct {
	RPC protoreflect.MethodDescriptor
	// Access says who may call it.
	Access rpc.Access
	// Budgets are what a call counts against.
	Budgets []optionsv1.Budget
	// Importance orders calls for shedding.
	Importance optionsv1.Importance
	// EndsSession says that a success ends the caller's session.
	EndsSession bool
	// RequiredIDs are the ids of the request without which a call is refused.
	RequiredIDs []protoreflect.FieldDescriptor
}

// Spends reports whether a call counts against a budget.
func (p *Policy) Spends(b optionsv1.Budget) bool { return slices.Contains(p.Budgets, b) }

// Policies are those of every RPC of the public API, by procedure as Connect
// names it: "/douyin.api.v1.FeedService/GetFeed".
type Policies map[string]*Policy

var undeclared = &Policy{}

// Of returns what a procedure declares: nothing when it is not of the public API.
func (p Policies) Of(procedure string) *Policy {
	if found, ok := p[procedure]; ok {
		return found
	}
	return undeclared
}

// Read returns what is declared, or which RPC does not declare something.
func Read() (Policies, error) {
	all := Policies{}
	var err error
	pkg := apiv1.File_douyin_api_v1_feed_proto.Package()
	protoregistry.GlobalFiles.RangeFilesByPackage(pkg, func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				var p *Policy
				if p, err = Of(methods.Get(j)); err != nil {
					return false
				}
				all[Procedure(p.RPC)] = p
			}
		}
		return true
	})
	return all, err
}

// Of returns what an RPC declares. Every one declares its access, its budgets and
// its importance.
func Of(m protoreflect.MethodDescriptor) (*Policy, error) {
	p := &Policy{RPC: m, Access: rpc.AccessOf(m)}
	p.Budgets, _ = proto.GetExtension(m.Options(), optionsv1.E_Budgets).([]optionsv1.Budget)
	p.Importance, _ = proto.GetExtension(m.Options(), optionsv1.E_Importance).(optionsv1.Importance)
	p.EndsSession, _ = proto.GetExtension(m.Options(), optionsv1.E_EndsSession).(bool)
	fields := Request(m).Fields()
	for i := range fields.Len() {
		if fd := fields.Get(i); fd.Kind() == protoreflect.Int64Kind && Required(fd) {
			p.RequiredIDs = append(p.RequiredIDs, fd)
		}
	}
	switch {
	case p.Access == rpc.AccessUnspecified:
		return p, fmt.Errorf("%s does not declare its access", m.FullName())
	case len(p.Budgets) == 0 || p.Spends(optionsv1.Budget_BUDGET_UNSPECIFIED):
		return p, fmt.Errorf("%s does not declare its budgets", m.FullName())
	case p.Importance == optionsv1.Importance_IMPORTANCE_UNSPECIFIED:
		return p, fmt.Errorf("%s does not declare its importance", m.FullName())
	}
	return p, nil
}

// CheckIDs refuses a request without an id that its RPC cannot do without. Texts
// are checked by the service that keeps them.
func (p *Policy) CheckIDs(request protoreflect.Message) error {
	for _, fd := range p.RequiredIDs {
		if request.Get(fd).Int() == 0 {
			return Missing(string(fd.Name()))
		}
	}
	return nil
}

// Missing refuses a call without a field.
func Missing(field string) error { return fault.Invalid(field, "is required") }

// Procedure names an RPC the way Connect does.
func Procedure(m protoreflect.MethodDescriptor) string {
	return "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
}

// Request returns the message that holds a call's parameters: what the RPC takes,
// or of an upload the header that its stream begins with.
func Request(m protoreflect.MethodDescriptor) protoreflect.MessageDescriptor {
	in := m.Input()
	if header := in.Fields().ByName("header"); header != nil && m.IsStreamingClient() {
		return header.Message()
	}
	return in
}

// Required reports whether a call without the field is refused.
func Required(fd protoreflect.FieldDescriptor) bool {
	required, _ := proto.GetExtension(fd.Options(), optionsv1.E_Required).(bool)
	return required
}

// MaxLength is the most characters a text may have; 0 where it is not declared.
func MaxLength(fd protoreflect.FieldDescriptor) int {
	n, _ := proto.GetExtension(fd.Options(), optionsv1.E_MaxLength).(int32)
	return int(n)
}
