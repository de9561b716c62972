package numjson_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	apiv1 "douyin.dev/gen/douyin/api/v1"
)

// FuzzMarshal: any answer a service could send comes out as protojson says it,
// but for the quotes.
func FuzzMarshal(f *testing.F) {
	types := answers()
	e := compile(f, types...)
	for i, md := range types {
		if md != (&apiv1.GetFeedResponse{}).ProtoReflect().Descriptor() {
			continue
		}
		seed, err := proto.Marshal(&apiv1.GetFeedResponse{
			NextTime: 1<<53 - 1, VideoList: []*apiv1.Video{{Id: -1, Title: "a\"\\\u2028<\x00🙂", Author: &apiv1.User{Name: "名"}}, {}},
		})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), seed)
	}
	f.Add(uint8(0), []byte{})
	f.Fuzz(func(t *testing.T, which uint8, wire []byte) {
		m := dynamicpb.NewMessage(types[int(which)%len(types)])
		if proto.Unmarshal(wire, m) != nil {
			return
		}
		got, err := e.Marshal("", m)
		if err != nil {
			t.Fatal(err)
		}
		reference, err := protojson.MarshalOptions{EmitUnpopulated: true, UseProtoNames: true}.Marshal(m)
		if err != nil {
			return // not JSON for anybody
		}
		if diff := cmp.Diff(numeric(m.Descriptor(), decode(t, reference)), decode(t, got)); diff != "" {
			t.Fatalf("(-protojson +numjson)\n%s", diff)
		}
	})
}
