package numjson

import (
	"fmt"
	"strconv"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Encoder writes the message types it was compiled for. It is safe for
// concurrent use.
type Encoder struct {
	plans   map[protoreflect.MessageDescriptor]*plan
	config  Config
	scratch sync.Pool // of *[]byte
}

// Config says what of fields descriptors do not.
type Config struct {
	// Renamed are the fields that are written under a name that is not their own.
	Renamed map[protoreflect.FullName]string
	// Located are the fields whose values MarshalLocated finds again.
	Located []protoreflect.FullName
}

// Compile returns an encoder for the given message types and all they contain.
func Compile(c Config, types ...protoreflect.MessageDescriptor) (*Encoder, error) {
	e := &Encoder{plans: map[protoreflect.MessageDescriptor]*plan{}, config: c}
	e.scratch.New = func() any { return new(make([]byte, 0, 4<<10)) }
	for _, md := range types {
		if _, err := e.compile(md); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// Marshal returns m as a JSON object. head is written first inside it: pairs
// like `"status_code":0`, without braces or a comma at either end.
func (e *Encoder) Marshal(head string, m proto.Message) ([]byte, error) {
	return e.MarshalLocated(head, m, nil)
}

// Found takes where in the bytes the value of a located field begins, and of which
// message it is.
type Found func(of protoreflect.Message, at int)

// MarshalLocated returns what Marshal returns, and calls found for each value of a
// located field, in the order of the bytes.
func (e *Encoder) MarshalLocated(head string, m proto.Message, found Found) ([]byte, error) {
	buf := e.scratch.Get().(*[]byte)
	defer e.recycle(buf)
	out, err := e.append((*buf)[:0], head, m, found)
	if err != nil {
		return nil, err
	}
	*buf = out
	return append(make([]byte, 0, len(out)), out...), nil
}

// maxScratch is the largest buffer that is kept: one answer of a thousand
// videos should not stay in memory for ever.
const maxScratch = 256 << 10

func (e *Encoder) recycle(buf *[]byte) {
	if cap(*buf) <= maxScratch {
		e.scratch.Put(buf)
	}
}

// Append appends what Marshal returns to dst.
func (e *Encoder) Append(dst []byte, head string, m proto.Message) ([]byte, error) {
	return e.append(dst, head, m, nil)
}

func (e *Encoder) append(dst []byte, head string, m proto.Message, found Found) ([]byte, error) {
	r := m.ProtoReflect()
	p, ok := e.plans[r.Descriptor()]
	if !ok {
		return dst, fmt.Errorf("numjson: not compiled for %s", r.Descriptor().FullName())
	}
	dst = append(dst, '{')
	dst = append(dst, head...)
	dst = p.appendFields(dst, r, head == "", found)
	return append(dst, '}'), nil
}

func (p *plan) appendObject(dst []byte, m protoreflect.Message, found Found) []byte {
	dst = append(dst, '{')
	dst = p.appendFields(dst, m, true, found)
	return append(dst, '}')
}

// appendFields writes every field. first says that nothing stands before them.
func (p *plan) appendFields(dst []byte, m protoreflect.Message, first bool, found Found) []byte {
	for i := range p.fields {
		f := &p.fields[i]
		key := f.key
		if first {
			key, first = key[1:], false
		}
		dst = append(dst, key...)
		if f.absent == absentNull && !m.Has(f.desc) {
			dst = append(dst, "null"...)
			continue
		}
		if f.located && found != nil {
			found(m, len(dst))
		}
		if f.list && !m.Has(f.desc) { // Get would make one
			dst = append(dst, "[]"...)
			continue
		}
		dst = f.append(dst, m.Get(f.desc), found)
	}
	return dst
}

func (f *field) append(dst []byte, v protoreflect.Value, found Found) []byte {
	if f.list {
		return f.appendList(dst, v.List(), found)
	}
	return f.appendValue(dst, v, found)
}

func (f *field) appendList(dst []byte, list protoreflect.List, found Found) []byte {
	dst = append(dst, '[')
	for i := range list.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = f.appendValue(dst, list.Get(i), found)
	}
	return append(dst, ']')
}

func (f *field) appendValue(dst []byte, v protoreflect.Value, found Found) []byte {
	switch f.kind {
	case kindBool:
		return strconv.AppendBool(dst, v.Bool())
	case kindInt:
		return strconv.AppendInt(dst, v.Int(), 10)
	case kindUint:
		return strconv.AppendUint(dst, v.Uint(), 10)
	case kindString:
		return AppendString(dst, v.String())
	default:
		return f.sub.appendObject(dst, v.Message(), found)
	}
}
