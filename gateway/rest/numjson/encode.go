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
	renamed map[protoreflect.FullName]string
	scratch sync.Pool // of *[]byte
}

// Compile returns an encoder for the given message types and all they contain.
// A field in renamed is written under that name instead of its own.
func Compile(renamed map[protoreflect.FullName]string, types ...protoreflect.MessageDescriptor) (*Encoder, error) {
	e := &Encoder{plans: map[protoreflect.MessageDescriptor]*plan{}, renamed: renamed}
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
	buf := e.scratch.Get().(*[]byte)
	defer e.recycle(buf)
	out, err := e.Append((*buf)[:0], head, m)
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
	r := m.ProtoReflect()
	p, ok := e.plans[r.Descriptor()]
	if !ok {
		return dst, fmt.Errorf("numjson: not compiled for %s", r.Descriptor().FullName())
	}
	dst = append(dst, '{')
	dst = append(dst, head...)
	dst = p.appendFields(dst, r, head == "")
	return append(dst, '}'), nil
}

func (p *plan) appendObject(dst []byte, m protoreflect.Message) []byte {
	dst = append(dst, '{')
	dst = p.appendFields(dst, m, true)
	return append(dst, '}')
}

// appendFields writes every field. first says that nothing stands before them.
func (p *plan) appendFields(dst []byte, m protoreflect.Message, first bool) []byte {
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
		dst = f.append(dst, m.Get(f.desc))
	}
	return dst
}

func (f *field) append(dst []byte, v protoreflect.Value) []byte {
	if f.list {
		return f.appendList(dst, v.List())
	}
	return f.appendValue(dst, v)
}

func (f *field) appendList(dst []byte, list protoreflect.List) []byte {
	dst = append(dst, '[')
	for i := range list.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = f.appendValue(dst, list.Get(i))
	}
	return append(dst, ']')
}

func (f *field) appendValue(dst []byte, v protoreflect.Value) []byte {
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
		return f.sub.appendObject(dst, v.Message())
	}
}
