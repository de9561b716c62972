package rest

import (
	"net/http"

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
	key := IdempotencyKey(h)
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

// IdempotencyKey is the key that a client sent as a header, or "".
func IdempotencyKey(h http.Header) string { return first(h, idempotencyHeader) }

// SetIdempotencyKey takes the key of a Connect or gRPC call from its header when
// the message has none.
func SetIdempotencyKey(message proto.Message, h http.Header) error {
	key := IdempotencyKey(h)
	if key == "" {
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
