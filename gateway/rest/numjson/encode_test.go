package numjson_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/structpb"
	"pgregory.net/rapid"

	"douyin.dev/gateway/rest/numjson"
	apiv1 "douyin.dev/gen/douyin/api/v1"
)

var renamed = map[protoreflect.FullName]string{"douyin.api.v1.Friend.msg_type": "msgType"}

// answers are the output types of every RPC with one answer.
func answers() []protoreflect.MessageDescriptor {
	var out []protoreflect.MessageDescriptor
	for _, file := range []protoreflect.FileDescriptor{
		apiv1.File_douyin_api_v1_feed_proto, apiv1.File_douyin_api_v1_user_proto, apiv1.File_douyin_api_v1_video_proto,
		apiv1.File_douyin_api_v1_interaction_proto, apiv1.File_douyin_api_v1_relation_proto, apiv1.File_douyin_api_v1_message_proto,
	} {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				out = append(out, methods.Get(j).Output())
			}
		}
	}
	return out
}

func compile(t testing.TB, types ...protoreflect.MessageDescriptor) *numjson.Encoder {
	t.Helper()
	e, err := numjson.Compile(numjson.Config{Renamed: renamed}, types...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestEqualsProtojsonButForTheQuotes is the definition of the encoder: what
// protojson says with every field and proto names, with 64-bit integers as
// numbers and the one renamed key.
func TestEqualsProtojsonButForTheQuotes(t *testing.T) {
	t.Parallel()
	types := answers()
	e := compile(t, types...)
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t, rapid.SampledFrom(types).Draw(t, "type"), 0)
		got, err := e.Marshal("", m)
		if err != nil {
			t.Fatal(err)
		}
		reference, err := protojson.MarshalOptions{EmitUnpopulated: true, UseProtoNames: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		want := numeric(m.Descriptor(), decode(t, reference))
		if diff := cmp.Diff(want, decode(t, got)); diff != "" {
			t.Fatalf("(-protojson +numjson)\n%s", diff)
		}
	})
}

// numeric turns protojson's value of a message into ours.
func numeric(md protoreflect.MessageDescriptor, v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return v // null
	}
	out := map[string]any{}
	for name, value := range object {
		fd := md.Fields().ByName(protoreflect.Name(name))
		if to, ok := renamed[fd.FullName()]; ok {
			name = to
		}
		out[name] = numericField(fd, value)
	}
	return out
}

func numericField(fd protoreflect.FieldDescriptor, value any) any {
	list, ok := value.([]any)
	if !ok {
		return numericValue(fd, value)
	}
	out := []any{}
	for _, v := range list {
		out = append(out, numericValue(fd, v))
	}
	return out
}

func numericValue(fd protoreflect.FieldDescriptor, value any) any {
	switch s, isString := value.(string); {
	case fd.Kind() == protoreflect.MessageKind:
		return numeric(fd.Message(), value)
	case fd.Kind() != protoreflect.StringKind && isString:
		return json.Number(s)
	default:
		return value
	}
}

func decode(t rapid.TB, b []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, b)
	}
	return v
}

// drawMessage draws a message of any type, at most a few levels deep.
func drawMessage(t *rapid.T, md protoreflect.MessageDescriptor, depth int) *dynamicpb.Message {
	m := dynamicpb.NewMessage(md)
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		if !rapid.Bool().Draw(t, "set "+string(fd.Name())) {
			continue
		}
		if !fd.IsList() {
			m.Set(fd, drawValue(t, fd, depth))
			continue
		}
		list := m.Mutable(fd).List()
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			list.Append(drawValue(t, fd, depth))
		}
	}
	return m
}

func drawValue(t *rapid.T, fd protoreflect.FieldDescriptor, depth int) protoreflect.Value {
	name := string(fd.Name())
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, name))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(rapid.Int32().Draw(t, name))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(rapid.Int64().Draw(t, name))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(rapid.String().Draw(t, name))
	case protoreflect.MessageKind:
		return protoreflect.ValueOfMessage(drawMessage(t, fd.Message(), depth+1))
	default:
		panic(fmt.Sprintf("no generator for %s", fd.Kind()))
	}
}

func TestStringsReadAsEncodingJSONWritesThem(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		// Bytes, not runes: what is not UTF-8 must come out as valid JSON too.
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "runes")
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(s); err != nil {
			t.Fatal(err)
		}
		got := string(numjson.AppendString(nil, s))
		if diff := cmp.Diff(strings.TrimSuffix(want.String(), "\n"), got); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	})
}

func TestZeroMessageHasEveryKey(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		message proto.Message
		want    string
	}{
		{&apiv1.RegisterResponse{}, `{"status_code":0,"user_id":0,"token":""}`},
		{&apiv1.GetUserResponse{}, `{"status_code":0,"user":null}`},
		{&apiv1.GetFeedResponse{}, `{"status_code":0,"video_list":[],"next_time":0}`},
		{&apiv1.FollowResponse{}, `{"status_code":0}`},
		{&apiv1.CheckFollowResponse{}, `{"status_code":0,"result":false}`},
	} {
		got, err := compile(t, tt.message.ProtoReflect().Descriptor()).Marshal(`"status_code":0`, tt.message)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, string(got)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

func TestLargeIDsAreNumbers(t *testing.T) {
	t.Parallel()
	m := &apiv1.RegisterResponse{UserId: 1<<53 - 1, Token: "t"}
	got, err := compile(t, m.ProtoReflect().Descriptor()).Marshal("", m)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"user_id":9007199254740991,"token":"t"}`, string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestFriendsHaveMsgType(t *testing.T) {
	t.Parallel()
	m := &apiv1.ListFriendsResponse{UserList: []*apiv1.Friend{{MsgType: 1}}}
	got, err := compile(t, m.ProtoReflect().Descriptor()).Marshal("", m)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(got, []byte(`"msgType":1`)) || bytes.Contains(got, []byte("msg_type")) {
		t.Errorf("no msgType in %s", got)
	}
}

func TestOptionalFieldsAreNullWhenAbsent(t *testing.T) {
	t.Parallel()
	profile := &apiv1.UpdateProfileRequest{Signature: proto.String("")}
	got, err := compile(t, profile.ProtoReflect().Descriptor()).Marshal("", profile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"avatar":null,"background_image":null,"signature":"","idempotency_key":""}`, string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestUnknownTypesAreRefusedAtStart(t *testing.T) {
	t.Parallel()
	for _, md := range []protoreflect.MessageDescriptor{
		(&structpb.Struct{}).ProtoReflect().Descriptor(),           // a map
		(&apiv1.PublishVideoRequest{}).ProtoReflect().Descriptor(), // a oneof with bytes
		(&structpb.Value{}).ProtoReflect().Descriptor(),            // a oneof with an enum
	} {
		if _, err := numjson.Compile(numjson.Config{}, md); err == nil {
			t.Errorf("%s was accepted", md.FullName())
		}
	}
}

func TestMarshalRefusesATypeItWasNotCompiledFor(t *testing.T) {
	t.Parallel()
	if _, err := compile(t).Marshal("", &apiv1.User{}); err == nil {
		t.Error("no error")
	}
}

func feed() *apiv1.GetFeedResponse {
	m := &apiv1.GetFeedResponse{NextTime: 1767225600000}
	for i := range int64(30) {
		id := 123456789012345 + i
		m.VideoList = append(m.VideoList, &apiv1.Video{
			Id: id, Title: "A day at the lake, 湖边的一天", FavoriteCount: 1234, CommentCount: 56, IsFavorite: i%2 == 0, CreateTime: 1767225600000 - i,
			PlayUrl:  fmt.Sprintf("https://media.example.com/videos/%d/original.mp4", id),
			CoverUrl: fmt.Sprintf("https://media.example.com/videos/%d/cover.jpg", id),
			Author: &apiv1.User{
				Id: id + 1000, Name: "somebody", FollowCount: 12, FollowerCount: 3456, Signature: "hello", TotalFavorited: 99999, WorkCount: 12, FavoriteCount: 3,
				Avatar: "https://media.example.com/a/1.png", BackgroundImage: "https://media.example.com/b/1.png",
			},
		})
	}
	return m
}

// TestAFeedIsWrittenWithTwoAllocations keeps the hot path honest.
func TestAFeedIsWrittenWithTwoAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector empties pools")
	}
	m := feed()
	e := compile(t, m.ProtoReflect().Descriptor())
	n := testing.AllocsPerRun(100, func() {
		if _, err := e.Marshal(`"status_code":0`, m); err != nil {
			t.Fatal(err)
		}
	})
	if n > 2 {
		t.Errorf("%v allocations, want at most 2", n)
	}
}

// BenchmarkFeed compares one page of 30 videos, about 17 kB, with protojson.
func BenchmarkFeed(b *testing.B) {
	m := feed()
	e := compile(b, m.ProtoReflect().Descriptor())
	b.Run("numjson", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			out, err := e.Marshal(`"status_code":0,"status_msg":"success"`, m)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(out)))
		}
	})
	b.Run("protojson", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			out, err := protojson.MarshalOptions{EmitUnpopulated: true, UseProtoNames: true}.Marshal(m)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(out)))
		}
	})
}
