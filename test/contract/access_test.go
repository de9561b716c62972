package contract_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	optionsv1 "douyin.dev/gen/douyin/options/v1"
	"douyin.dev/test/harness"
)

// The authorization matrix: every RPC of the public API, over Connect and over
// REST, with every kind of token. What must happen follows from the access the
// RPC declares; nobody keeps a list.

// publicRPCs are the methods of the public API, from its descriptors.
func publicRPCs() []protoreflect.MethodDescriptor {
	var all []protoreflect.MethodDescriptor
	protoregistry.GlobalFiles.RangeFilesByPackage(apiv1.File_douyin_api_v1_feed_proto.Package(), func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				all = append(all, methods.Get(j))
			}
		}
		return true
	})
	return all
}

// needsViewer reads who may call a method. One that does not say is a failure.
func needsViewer(t *testing.T, m protoreflect.MethodDescriptor) bool {
	t.Helper()
	access, _ := proto.GetExtension(m.Options(), optionsv1.E_Access).(optionsv1.Access)
	switch access {
	case optionsv1.Access_ACCESS_OPEN:
		return false
	case optionsv1.Access_ACCESS_VIEWER:
		return true
	default:
		t.Fatalf("%s declares no (douyin.options.v1.access)", m.FullName())
		return false
	}
}

func reads(m protoreflect.MethodDescriptor) bool {
	level, ok := m.Options().ProtoReflect().Get(m.Options().ProtoReflect().Descriptor().Fields().ByName("idempotency_level")).Interface().(protoreflect.EnumNumber)
	return ok && level == 1 // NO_SIDE_EFFECTS
}

// destroys says that a method removes something, which only its owner may.
func destroys(m protoreflect.MethodDescriptor) bool {
	return strings.HasPrefix(string(m.Name()), "Delete")
}

// values are what a caller sends for each field of a request, so that it
// succeeds. A field without one is a failure: the matrix must be complete.
func values(t *testing.T, m protoreflect.MethodDescriptor, caller *person) map[string]any {
	t.Helper()
	s := theStage(t)
	all := map[string]any{
		"username": caller.name, "password": caller.password, "old_password": caller.password, "new_password": caller.password,
		"user_id": s.author.id, "to_user_id": s.crowd.id, "video_id": s.crowded.ID,
		"comment_text": "matrix", "content": "matrix", "signature": "matrix", "title": "matrix", "visibility": "public",
		"page_size": 1, "latest_time": int64(1_000_000_000_000), "pre_msg_time": int64(1_000_000_000_000), "after": int64(0),
		"keyword": "matrix", "type": "video", "tag": "matrix", "order": "newest",
		"views": []any{map[string]any{"video_id": s.crowded.ID}},
		// These stay empty.
		"page_token": nil, "idempotency_key": nil, "name": nil, "avatar": nil, "background_image": nil, "header": nil, "chunk": nil,
		"upload_id": nil,
	}
	switch m.Name() {
	case "Register":
		all["username"] = harness.Name("matrix")
	case "UpdateVideo", "DeleteVideo", "GetVideoStatus", "WatchVideoStatus", "RetryTranscode":
		all["video_id"] = caller.publish(t).ID
	case "DeleteComment":
		all["comment_id"] = caller.comment(t, s.crowded.ID, "matrix").ID
	}
	chosen := map[string]any{}
	fields := m.Input().Fields()
	for i := range fields.Len() {
		name := string(fields.Get(i).Name())
		value, ok := all[name]
		if !ok {
			t.Fatalf("%s: the matrix has no value for the field %s", m.FullName(), name)
		}
		if value != nil {
			chosen[name] = value
		}
	}
	return chosen
}

// face is a way to call a method: it answers whether the call was done, and
// otherwise the code of the refusal.
type face struct {
	name string
	call func(t *testing.T, m protoreflect.MethodDescriptor, fields map[string]any, token *string) string
	// The codes of refusals.
	noLogin, notPermitted string
}

// done is what a face answers for a call that was done.
const done = "done"

func faces(t *testing.T) []face {
	t.Helper()
	paths := restPaths(t)
	return []face{
		{name: "Connect", call: callConnect, noLogin: "unauthenticated", notPermitted: "permission_denied"},
		{name: "REST", noLogin: "10004", notPermitted: "10005", call: func(t *testing.T, m protoreflect.MethodDescriptor, fields map[string]any, token *string) string {
			t.Helper()
			path := paths[string(m.FullName())]
			if len(path) == 0 {
				t.Fatalf("%s has no REST path", m.FullName())
			}
			answers := map[string]bool{}
			for _, p := range path {
				answers[callREST(t, m, p, fields, token)] = true
			}
			if len(answers) != 1 {
				t.Errorf("%s: its paths %v answer differently: %v", m.FullName(), path, answers)
			}
			for answer := range answers {
				return answer
			}
			panic("unreachable")
		}},
	}
}

func callConnect(t *testing.T, m protoreflect.MethodDescriptor, fields map[string]any, token *string) string {
	t.Helper()
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	request := dynamicpb.NewMessage(m.Input())
	if err := protojson.Unmarshal(body, request); err != nil {
		t.Fatalf("%s: %v", m.FullName(), err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	streaming := m.IsStreamingClient() || m.IsStreamingServer()
	if streaming {
		header.Set("Content-Type", "application/connect+json")
		body = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body))), body...)
	}
	if token != nil {
		header.Set("Authorization", "Bearer "+*token)
	}
	path := fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
	answer, err := shared().Do(t.Context(), harness.Call{Path: path, Header: header, Raw: body})
	if err != nil {
		t.Fatal(err)
	}
	text := answer.Body
	if streaming {
		text = endOfStream(t, m, text)
	}
	var failure struct {
		Code  string
		Error struct{ Code string }
	}
	if err := json.Unmarshal(text, &failure); err != nil {
		t.Fatalf("%s: %v: %s", m.FullName(), err, answer)
	}
	if code := failure.Code + failure.Error.Code; code != "" {
		return code
	}
	return done
}

// endOfStream returns the last message of a Connect stream, which says how it ended.
func endOfStream(t *testing.T, m protoreflect.MethodDescriptor, text []byte) []byte {
	t.Helper()
	for len(text) >= 5 {
		size := int(binary.BigEndian.Uint32(text[1:5]))
		if len(text) < 5+size {
			break
		}
		if text[0]&2 != 0 {
			return text[5 : 5+size]
		}
		text = text[5+size:]
	}
	t.Fatalf("%s: the stream has no end: %q", m.FullName(), text)
	return nil
}

// restPath is where REST answers a method.
type restPath struct{ method, path, action string }

var restBinding = regexp.MustCompile(`(get|post): (/[\w/]+)`)

// restPaths reads the configuration of the REST face: the paths of each
// method. Three streams are not in it; their paths are code.
func restPaths(t *testing.T) map[string][]restPath {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "gateway", "rest", "douyin.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]restPath{
		"douyin.api.v1.UploadService.PublishVideo":          {{method: post, path: "/douyin/publish/action"}},
		"douyin.api.v1.MessageStreamService.Subscribe":      {{method: get, path: "/douyin/message/stream"}},
		"douyin.api.v1.VideoStatusService.WatchVideoStatus": {{method: get, path: "/douyin/publish/status/stream"}},
	}
	var selector string
	for _, line := range strings.Split(string(text), "\n") {
		if found := restSelector.FindStringSubmatch(line); found != nil {
			selector = found[1]
		}
		for _, found := range restBinding.FindAllStringSubmatch(line, -1) {
			p := restPath{method: strings.ToUpper(found[1]), path: found[2]}
			if path, action, ok := strings.Cut(p.path, "/action/"); ok {
				p.path, p.action = path+"/action", action
			}
			all[selector] = append(all[selector], p)
		}
	}
	return all
}

var restSelector = regexp.MustCompile(`selector: ([\w.]+)`)

func callREST(t *testing.T, m protoreflect.MethodDescriptor, p restPath, fields map[string]any, token *string) string {
	t.Helper()
	params := map[string][]string{}
	for name, value := range fields {
		params[name] = []string{fmt.Sprint(value)}
		if list, ok := value.([]any); ok {
			body, err := json.Marshal(list)
			if err != nil {
				t.Fatal(err)
			}
			params[name] = []string{string(body)}
		}
	}
	if p.action != "" {
		params["action_type"] = []string{p.action}
	}
	if token != nil {
		params["token"] = []string{*token}
	}
	call := harness.Call{Method: p.method, Path: p.path + "/", Query: params}
	if m.IsStreamingClient() {
		call.Parts = []harness.Part{{Name: "title", Content: []byte("matrix")}, {Name: "data", FileName: "v.mp4", Content: drawn(t)}}
	}
	answer := anonymous().do(t, call)
	if answer.Code() == 0 {
		return done
	}
	return fmt.Sprint(answer.Code())
}

func TestEveryRPCRefusesEveryBadTokenAsItDeclares(t *testing.T) {
	t.Parallel()
	tokens := badTokens(t)
	delete(tokens, "Missing") // it is the empty one: both are tried below
	empty := ""
	for _, f := range faces(t) {
		for _, m := range publicRPCs() {
			t.Run(f.name+"/"+string(m.FullName()), func(t *testing.T) {
				t.Parallel()
				caller := theStage(t).crowd // who may publish: some requests need a video of the caller's
				want := done
				if needsViewer(t, m) {
					want = f.noLogin
				}
				fields := map[string]any{}
				if !destroys(m) { // what is to go need not be there for a refusal
					fields = values(t, m, caller)
				}
				try := func(name string, token *string) {
					if m.Name() == "Register" {
						fields["username"] = harness.Name("matrix")
					}
					if got := f.call(t, m, fields, token); got != want {
						t.Errorf("%s token: got %s, want %s", name, got, want)
					}
				}
				try("no", nil)
				try("empty", &empty)
				for name, token := range tokens {
					try(name, &token)
				}
			})
		}
	}
}

// Whatever was refused was refused for its token.
func TestEveryRPCIsDoneForItsCaller(t *testing.T) {
	t.Parallel()
	for _, f := range faces(t) {
		for _, m := range publicRPCs() {
			if f.name == "Connect" && (m.IsStreamingClient() || m.IsStreamingServer()) || m.IsStreamingServer() {
				continue // TestUploadByStream and the stream tests hold these
			}
			t.Run(f.name+"/"+string(m.FullName()), func(t *testing.T) {
				t.Parallel()
				for range len(restPaths(t)[string(m.FullName())]) {
					caller := newPerson(t)
					if got := f.call(t, m, values(t, m, caller), &caller.token); got != done {
						t.Errorf("got %s", got)
					}
				}
			})
		}
	}
}

// What belongs to somebody is removed by nobody else; who acts cannot be said.
func TestAnotherUsersTokenActsForThatUserOnly(t *testing.T) {
	t.Parallel()
	for _, f := range faces(t) {
		for _, m := range publicRPCs() {
			t.Run(f.name+"/"+string(m.FullName()), func(t *testing.T) {
				t.Parallel()
				if destroys(m) {
					owner, other := newPerson(t), newPerson(t)
					fields := values(t, m, owner)
					if got := f.call(t, m, fields, &other.token); got != f.notPermitted {
						t.Errorf("another's token: got %s, want %s", got, f.notPermitted)
					}
					if got := f.call(t, m, fields, &owner.token); got != done {
						t.Errorf("the owner's token: got %s: was it removed by another?", got)
					}
				}
				if !needsViewer(t, m) || reads(m) {
					return
				}
				for _, actor := range []protoreflect.Name{"user_id", "from_user_id", "author_id", "actor_id", "viewer_id", "owner_id"} {
					if m.Input().Fields().ByName(actor) != nil {
						t.Errorf("a request that acts has the field %s: the actor is the token's user", actor)
					}
				}
			})
		}
	}
}

// Both sides of a megabyte over Connect, gRPC's limit and REST's alike.
func TestMessagesUpToAMebibyteAreRead(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	const limit = 1 << 20
	header := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + s.reader.token}}
	for size, tooLarge := range map[int]bool{limit - 1: false, limit: false, limit + 1: true} {
		body := []byte(`{"userId":"` + text(s.author.id) + `"}`)
		body = append(body, bytes.Repeat([]byte(" "), size-len(body))...)
		answer, err := shared().Do(t.Context(), harness.Call{Path: "/douyin.api.v1.UserService/GetUser", Header: header, Raw: body})
		if err != nil {
			t.Fatal(err)
		}
		if got := answer.Fields["code"] == "resource_exhausted"; got != tooLarge || !tooLarge && answer.HTTP != http.StatusOK {
			t.Errorf("Connect: %d bytes: %s", size, answer)
		}
		for name, call := range map[string]harness.Call{
			"JSON": {Header: header, Raw: append([]byte(`{"user_id":"`+text(s.author.id)+`"}`), bytes.Repeat([]byte(" "), size-len(`{"user_id":""}`)-len(text(s.author.id)))...)},
			"form": {Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Raw: padded("user_id="+text(s.author.id)+"&x=", size)},
		} {
			call.Path = "/douyin/user/"
			answer := s.reader.do(t, call)
			if want := map[bool]int64{false: 0, true: 40002}[tooLarge]; answer.Code() != want {
				t.Errorf("%s: %d bytes: want %d: %s", name, size, want, answer)
			}
		}
	}
}

func padded(text string, size int) []byte {
	return append([]byte(text), bytes.Repeat([]byte("x"), size-len(text))...)
}

// Headers have 32 KiB. Over HTTP/1.1 the server reads up to two buffers of
// 4 KiB beyond its limit before it gives up.
func TestHeadersUpTo32KiBAreRead(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]int{32<<10 - 1: http.StatusOK, 32 << 10: http.StatusOK, 41 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		const others = 300 // of the client, and the name of ours
		answer, err := shared().Do(t.Context(), harness.Call{Path: "/ping", Header: http.Header{"X-Padding": {strings.Repeat("x", size-others)}}})
		if err != nil {
			t.Fatal(err)
		}
		if answer.HTTP != want {
			t.Errorf("headers of %d bytes: HTTP %d, want %d", size, answer.HTTP, want)
		}
	}
}
