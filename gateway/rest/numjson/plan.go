package numjson

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// plan is how one message type is written.
type plan struct {
	fields []field
}

// field is how one field is written.
type field struct {
	desc protoreflect.FieldDescriptor
	// key is `,"name":`. The first field of an object leaves the comma out.
	key    string
	kind   kind
	list   bool
	sub    *plan // of a message field
	absent absence
	// located says that MarshalLocated finds the value.
	located bool
}

// kind says how a value is written; all widths of an integer are written alike.
type kind uint8

const (
	kindBool kind = iota
	kindInt
	kindUint
	kindString
	kindMessage
)

// absence says what is written for a field that is not set.
type absence uint8

const (
	absentZero absence = iota // fields without presence: their zero value
	absentNull                // messages and optional fields
)

var kinds = map[protoreflect.Kind]kind{
	protoreflect.BoolKind:     kindBool,
	protoreflect.Int32Kind:    kindInt,
	protoreflect.Sint32Kind:   kindInt,
	protoreflect.Sfixed32Kind: kindInt,
	protoreflect.Int64Kind:    kindInt,
	protoreflect.Sint64Kind:   kindInt,
	protoreflect.Sfixed64Kind: kindInt,
	protoreflect.Uint32Kind:   kindUint,
	protoreflect.Fixed32Kind:  kindUint,
	protoreflect.Uint64Kind:   kindUint,
	protoreflect.Fixed64Kind:  kindUint,
	protoreflect.StringKind:   kindString,
	protoreflect.MessageKind:  kindMessage,
}

// compile plans md and what it contains. A type is entered before its fields
// are planned, so that a type may contain itself.
func (e *Encoder) compile(md protoreflect.MessageDescriptor) (*plan, error) {
	if p, ok := e.plans[md]; ok {
		return p, nil
	}
	p := &plan{}
	e.plans[md] = p
	for i := range md.Fields().Len() {
		f, err := e.compileField(md.Fields().Get(i))
		if err != nil {
			return nil, err
		}
		p.fields = append(p.fields, f)
	}
	return p, nil
}

func (e *Encoder) compileField(fd protoreflect.FieldDescriptor) (field, error) {
	k, known := kinds[fd.Kind()]
	if !known || fd.IsMap() {
		return field{}, fmt.Errorf("numjson: %s has a type this encoder does not know", fd.FullName())
	}
	if oneof := fd.ContainingOneof(); oneof != nil && !oneof.IsSynthetic() {
		return field{}, fmt.Errorf("numjson: %s is one of several, and would not always be there", fd.FullName())
	}
	f := field{desc: fd, key: e.key(fd), kind: k, list: fd.IsList(), absent: absenceOf(fd), located: slices.Contains(e.config.Located, fd.FullName())}
	if k != kindMessage {
		return f, nil
	}
	if fd.Message().ParentFile().Package() == "google.protobuf" {
		return field{}, fmt.Errorf("numjson: %s is a well-known type, which has a JSON form of its own", fd.FullName())
	}
	sub, err := e.compile(fd.Message())
	f.sub = sub
	return f, err
}

func (e *Encoder) key(fd protoreflect.FieldDescriptor) string {
	name := string(fd.Name())
	if renamed, ok := e.config.Renamed[fd.FullName()]; ok {
		name = renamed
	}
	return `,"` + name + `":`
}

func absenceOf(fd protoreflect.FieldDescriptor) absence {
	if fd.HasPresence() {
		return absentNull
	}
	return absentZero
}
