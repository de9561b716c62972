package outbox_test

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/outbox"
)

func ExampleTopic() {
	fmt.Println(outbox.Topic(&wrapperspb.StringValue{}))
	// Output: google.protobuf.StringValue
}

// A consumer decodes what it is handed; what is no such event is poison already.
func ExampleDecode() {
	value, err := proto.Marshal(wrapperspb.String("liked"))
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := outbox.Decode(bus.Message{Value: value}, &wrapperspb.StringValue{})
	fmt.Println(e.GetValue(), err)
	_, err = outbox.Decode(bus.Message{Value: []byte("{}")}, &wrapperspb.StringValue{})
	fmt.Println(bus.IsPoison(err))
	// Output:
	// liked <nil>
	// true
}
