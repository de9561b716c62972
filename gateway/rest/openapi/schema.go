package openapi

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// responses are the answers of an operation: HTTP 200 whatever happened, and
// what comes from in front of the call.
func (b *builder) responses(op *operation) object {
	rpc := op.routes[0].RPC
	answer := object{"application/json": object{"schema": b.answer(rpc.Output())}}
	about := "The answer, or a failure with the same keys at their zero values."
	if rpc.IsStreamingServer() {
		event := rpc.Output().Fields().Get(0) // what is pushed
		b.component(event.Message())
		answer = object{
			"text/event-stream": object{"schema": object{"type": "string"}},
			"application/json":  object{"schema": b.answer(rpc.Output())},
		}
		about = fmt.Sprintf("Server-Sent Events: an event named %s has a %s as JSON for its data, and its id is what to send back as Last-Event-ID to go on after it. JSON with status_code when the call is refused.",
			event.Name(), event.Message().Name())
	}
	return object{
		"200": object{"description": about, "content": answer},
		"405": object{"$ref": "#/components/responses/WrongMethod"},
		"503": object{"$ref": "#/components/responses/Overloaded"},
	}
}

// answer is the envelope with the fields of an RPC's output.
func (b *builder) answer(md protoreflect.MessageDescriptor) object {
	return answerSchema(b.properties(md))
}

// answerSchema is the envelope around properties. Every key is always there.
func answerSchema(properties object) object {
	all := object{
		"status_code": object{"type": "integer", "format": "int32", "description": "0 is success."},
		"status_msg":  object{"type": "string", "description": "\"success\", or what went wrong."},
	}
	for name, schema := range properties {
		all[name] = schema
	}
	return closed(all)
}

// closed is an object whose keys are all there.
func closed(properties object) object {
	return object{"type": "object", "properties": properties, "required": keys(properties)}
}

func (b *builder) properties(md protoreflect.MessageDescriptor) object {
	out := object{}
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		out[b.name(fd)] = b.fieldSchema(fd)
	}
	return out
}

func (b *builder) name(fd protoreflect.FieldDescriptor) string {
	if renamed, ok := b.renamed[fd.FullName()]; ok {
		return renamed
	}
	return string(fd.Name())
}

func (b *builder) fieldSchema(fd protoreflect.FieldDescriptor) object {
	schema := scalarSchema(fd)
	if fd.Kind() == protoreflect.MessageKind {
		schema = object{"$ref": b.component(fd.Message())}
		if !fd.IsList() {
			schema = object{"oneOf": list{schema, object{"type": "null"}}}
		}
	}
	if fd.IsList() {
		schema = object{"type": "array", "items": schema}
	}
	schema["description"] = b.comments.of(fd)
	return schema
}

// scalarSchema is the schema of a number, a text or a truth value.
func scalarSchema(fd protoreflect.FieldDescriptor) object {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return object{"type": "boolean"}
	case protoreflect.Int32Kind:
		return object{"type": "integer", "format": "int32"}
	case protoreflect.Int64Kind:
		return object{"type": "integer", "format": "int64"}
	default:
		return object{"type": "string"}
	}
}

// component adds a message's schema once and returns the reference to it.
func (b *builder) component(md protoreflect.MessageDescriptor) string {
	name := string(md.Name())
	if _, ok := b.schemas[name]; !ok {
		schema := object{}
		b.schemas[name] = schema // before its fields, which may name it
		for key, value := range closed(b.properties(md)) {
			schema[key] = value
		}
		schema["description"] = b.comments.of(md)
	}
	return "#/components/schemas/" + name
}
