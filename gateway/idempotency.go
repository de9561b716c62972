package gateway

import (
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	idempotencyParam  = "idempotency_key"
	idempotencyHeader = "Idempotency-Key"
)

// withIdempotencyKey takes the key of a REST call from its header when no
// parameter has it.
func withIdempotencyKey(given params, h http.Header) params {
	key := first(h, idempotencyHeader)
	if key == "" || given.value(idempotencyParam) != "" {
		return given
	}
	for i := range given {
		if given[i].name == idempotencyParam {
			given[i].value = key
			return given
		}
	}
	return append(given, pair{idempotencyParam, key})
}

// takeKey takes the key of a Connect or gRPC call from its header when the message
// has none.
func takeKey(req connect.AnyRequest) error {
	key := first(req.Header(), idempotencyHeader)
	if key == "" {
		return nil
	}
	message, ok := req.Any().(proto.Message)
	if !ok {
		return nil
	}
	m := message.ProtoReflect()
	field := m.Descriptor().Fields().ByName(idempotencyParam)
	if field == nil || m.Get(field).String() != "" {
		return nil
	}
	if err := checkText(idempotencyParam, key); err != nil {
		return err
	}
	m.Set(field, protoreflect.ValueOfString(key))
	return nil
}
