package openapi

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"douyin.dev/gateway/policy"
	platformrpc "douyin.dev/services/platform/rpc"
)

// restOnly is what the REST face says of a parameter where it takes more than
// the RPC behind it.
var restOnly = map[string]string{
	"latest_time": "Only videos published strictly before this, in Unix seconds, milliseconds, microseconds or nanoseconds by magnitude (below 1e11, 1e14, 1e17, from there); absent, 0, negative, future or not a number means now.",
}

// maxID is the largest public id.
const maxID = 1<<53 - 1

// input is one parameter of an operation.
type input struct {
	name     string
	about    string
	schema   object
	required bool
}

// inputs are the parameters of all routes of an operation. One that not every
// action has is not required of all.
func (b *builder) inputs(op *operation) []input {
	var all []input
	if len(op.actions) > 0 {
		all = append(all, actionInput(op))
	}
	times := map[string]int{}
	for _, r := range op.routes {
		fields := r.Params().Fields()
		for i := range fields.Len() {
			fd := fields.Get(i)
			name := string(fd.Name())
			if times[name]++; times[name] > 1 {
				continue
			}
			if plain(fd) {
				all = append(all, input{name: name, about: b.about(fd), schema: paramSchema(fd), required: policy.Required(fd)})
			} else if fd.IsList() && fd.Message() != nil {
				all = append(all, input{name: name, about: b.about(fd), schema: b.listSchema(fd.Message()), required: true})
			}
		}
	}
	for i := range all {
		if n := times[all[i].name]; n > 0 && n < len(op.routes) {
			all[i].required = false
		}
	}
	return all
}

func (b *builder) about(fd protoreflect.FieldDescriptor) string {
	if text, ok := restOnly[string(fd.Name())]; ok {
		return text
	}
	return b.comments.of(fd)
}

func actionInput(op *operation) input {
	var values list
	for _, a := range op.actions {
		values = append(values, int(a[0]-'0'))
	}
	return input{name: "action_type", about: "What to do.", required: true, schema: object{"type": "integer", "enum": values}}
}

func plain(fd protoreflect.FieldDescriptor) bool {
	switch fd.Kind() {
	case protoreflect.StringKind, protoreflect.Int32Kind, protoreflect.Int64Kind:
		return !fd.IsList()
	default:
		return false
	}
}

func paramSchema(fd protoreflect.FieldDescriptor) object {
	s := scalarSchema(fd)
	name := string(fd.Name())
	if most := policy.MaxLength(fd); most > 0 {
		s["minLength"], s["maxLength"] = 0, most
		if policy.Required(fd) {
			s["minLength"] = 1
		}
	}
	switch {
	case strings.HasSuffix(name, "_id"):
		s["minimum"], s["maximum"] = 1, maxID
	case name == "page_size":
		s["minimum"], s["maximum"] = 1, 50
	}
	return s
}

// listSchema is the schema of a list of messages that a client sends.
func (b *builder) listSchema(md protoreflect.MessageDescriptor) object {
	var fields []input
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		fields = append(fields, input{name: string(fd.Name()), about: b.comments.of(fd), schema: paramSchema(fd), required: policy.Required(fd)})
	}
	entry := bodySchema(fields)
	entry["description"] = b.comments.of(md)
	return object{"type": "array", "items": entry}
}

func (b *builder) queryParams(op *operation) list {
	var out list
	for _, in := range b.inputs(op) {
		out = append(out, object{"name": in.name, "in": "query", "description": in.about, "required": in.required, "schema": in.schema})
	}
	return out
}

// requestBody offers the forms a body may have; an upload has only one.
func (b *builder) requestBody(op *operation) object {
	if op.routes[0].RPC.IsStreamingClient() {
		return b.uploadBody(b.inputs(op))
	}
	schema := bodySchema(b.inputs(op))
	return object{
		"description": "The parameters may come in the query as well.",
		"content": object{
			"application/x-www-form-urlencoded": object{"schema": schema},
			"multipart/form-data":               object{"schema": schema},
			"application/json":                  object{"schema": schema},
		},
	}
}

func bodySchema(inputs []input) object {
	properties := object{}
	var required list
	for _, in := range inputs {
		in.schema["description"] = in.about
		properties[in.name] = in.schema
		if in.required {
			required = append(required, in.name)
		}
	}
	schema := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

func (b *builder) uploadBody(inputs []input) object {
	schema := bodySchema(inputs)
	schema["required"] = list{"data"}
	properties := schema["properties"].(object)
	properties["data"] = object{
		"type": "string", "contentMediaType": "application/octet-stream",
		"description": "The video file: the first that is not empty. Its type and its name do not matter. One larger than 1 MiB comes behind the token." + b.limits.ofUpload(),
	}
	properties["token"] = object{"type": "string", "description": "The token, where neither the query nor a header has it."}
	return object{"required": true, "content": object{"multipart/form-data": object{"schema": schema}}}
}

// security is who may call an RPC. An open one knows its caller if there is a token.
func security(rpc protoreflect.MethodDescriptor) list {
	tokens := list{
		object{"bearer": list{}}, object{"query": list{}}, object{"accessToken": list{}}, object{"tokenHeader": list{}},
	}
	if platformrpc.AccessOf(rpc) != platformrpc.AccessViewer {
		tokens = append(tokens, object{})
	}
	return tokens
}
