package cache

import (
	"encoding/json"

	"google.golang.org/protobuf/proto"
)

// Codec writes and reads the values of a family for Redis.
type Codec[V any] struct {
	Marshal   func(V) ([]byte, error)
	Unmarshal func([]byte) (V, error)
}

// Proto is the codec of a generated message, for example cache.Proto[*userv1.User]().
func Proto[M proto.Message]() Codec[M] {
	return Codec[M]{
		Marshal: func(m M) ([]byte, error) { return proto.Marshal(m) },
		Unmarshal: func(b []byte) (M, error) {
			var none M
			m := none.ProtoReflect().New().Interface().(M)
			return m, proto.Unmarshal(b, m)
		},
	}
}

// JSON is the codec of a plain struct.
func JSON[V any]() Codec[V] {
	return Codec[V]{
		Marshal: func(v V) ([]byte, error) { return json.Marshal(v) },
		Unmarshal: func(b []byte) (v V, err error) {
			err = json.Unmarshal(b, &v)
			return v, err
		},
	}
}
