package openapi_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/descriptorpb"

	"douyin.dev/gateway/rest/numjson"
	"douyin.dev/gateway/rest/openapi"
	"douyin.dev/gateway/rest/route"
	"douyin.dev/gen"
	apiv1 "douyin.dev/gen/douyin/api/v1"
)

var renamed = map[protoreflect.FullName]string{"douyin.api.v1.Friend.msg_type": "msgType"}

var limits = openapi.Limits{
	UploadBytes: 12345, Action: openapi.Rate{Burst: 91, PerSecond: 0.25}, Login: openapi.Rate{Burst: 92, PerSecond: 2}, Registration: openapi.Rate{},
	Views: openapi.Rate{Burst: 93, PerSecond: 4},
}

func document(t *testing.T) ([]byte, *openapi3.T) {
	t.Helper()
	config, err := os.ReadFile("../douyin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	routes, err := route.Parse(config)
	if err != nil {
		t.Fatal(err)
	}
	routes = append(routes,
		route.Route{Method: "POST", Path: "/douyin/publish/action", RPC: apiv1.File_douyin_api_v1_video_proto.Services().ByName("UploadService").Methods().Get(0)},
		route.Route{Method: "GET", Path: "/douyin/message/stream", RPC: apiv1.File_douyin_api_v1_message_proto.Services().ByName("MessageStreamService").Methods().Get(0)},
	)
	out, err := openapi.Document(routes, renamed, limits)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(out)
	if err != nil {
		t.Fatal(err)
	}
	return out, doc
}

func TestDocumentIsValidOpenAPI(t *testing.T) {
	t.Parallel()
	_, doc := document(t)
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("version %s", doc.OpenAPI)
	}
}

// TestAnswersFitTheirSchemas writes messages the way the gateway does and
// checks them against the document: empty ones, and ones with everything in.
func TestAnswersFitTheirSchemas(t *testing.T) {
	t.Parallel()
	_, doc := document(t)
	user := &apiv1.User{Id: 1<<53 - 1, Name: "a", FollowCount: 3}
	video := &apiv1.Video{Id: 2, Author: user, Title: "t"}
	for path, messages := range map[string][]proto.Message{
		"/douyin/feed":                 {&apiv1.GetFeedResponse{}, &apiv1.GetFeedResponse{VideoList: []*apiv1.Video{video, {Id: 3}}, NextTime: 1767225600000}},
		"/douyin/user":                 {&apiv1.GetUserResponse{}, &apiv1.GetUserResponse{User: user}},
		"/douyin/user/register":        {&apiv1.RegisterResponse{}, &apiv1.RegisterResponse{UserId: 5, Token: "t"}},
		"/douyin/relation/friend/list": {&apiv1.ListFriendsResponse{}, &apiv1.ListFriendsResponse{UserList: []*apiv1.Friend{{MsgType: 1}}}},
		"/douyin/comment/action":       {&apiv1.DeleteCommentResponse{}, &apiv1.CreateCommentResponse{Comment: &apiv1.Comment{Id: 1, User: user}}},
		"/douyin/relation/action":      {&apiv1.FollowResponse{}},
		"/douyin/publish/action":       {&apiv1.PublishVideoResponse{Video: video}},
	} {
		schema := answerOf(doc, path)
		for _, m := range messages {
			e, err := numjson.Compile(numjson.Config{Renamed: renamed}, m.ProtoReflect().Descriptor())
			if err != nil {
				t.Fatal(err)
			}
			body, err := e.Marshal(`"status_code":0,"status_msg":"success"`, m)
			if err != nil {
				t.Fatal(err)
			}
			if err := visit(t, doc, schema, body); err != nil {
				t.Errorf("%s: %v\n%s", path, err, body)
			}
		}
	}
	// The schemas say something: what protojson writes does not fit.
	if err := visit(t, doc, answerOf(doc, "/douyin/user/register"), []byte(`{"status_code":0,"status_msg":"success","user_id":"5","token":"t"}`)); err == nil {
		t.Error("an id in quotes fits")
	}
	if err := visit(t, doc, answerOf(doc, "/douyin/feed"), []byte(`{"status_code":0,"status_msg":"success","video_list":[]}`)); err == nil {
		t.Error("an answer without next_time fits")
	}
}

func visit(t *testing.T, doc *openapi3.T, schema *openapi3.Schema, body []byte) error {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	return doc.ValidateSchemaJSON(schema, v)
}

func operations(doc *openapi3.T, path string) map[string]*openapi3.Operation {
	item := doc.Paths.Value(path)
	if item == nil {
		return nil
	}
	return item.Operations()
}

func answerOf(doc *openapi3.T, path string) *openapi3.Schema {
	for _, op := range operations(doc, path) {
		return op.Responses.Value("200").Value.Content["application/json"].Schema.Value
	}
	return nil
}

func TestActionsAreOnePath(t *testing.T) {
	t.Parallel()
	out, doc := document(t)
	if strings.Contains(string(out), "action/1") {
		t.Error("the mux's paths leak into the document")
	}
	op := operations(doc, "/douyin/comment/action")["POST"]
	if op == nil {
		t.Fatal("no POST /douyin/comment/action")
	}
	schema := op.RequestBody.Value.Content["application/x-www-form-urlencoded"].Schema.Value
	if diff := cmp.Diff([]string{"action_type", "video_id"}, slices.Sorted(slices.Values(schema.Required))); diff != "" {
		t.Errorf("required (-want +got)\n%s", diff)
	}
	for _, name := range []string{"action_type", "video_id", "comment_id", "comment_text", "idempotency_key"} {
		if schema.Properties[name] == nil {
			t.Errorf("no %s", name)
		}
	}
	if diff := cmp.Diff([]any{1.0, 2.0}, schema.Properties["action_type"].Value.Enum); diff != "" {
		t.Errorf("action_type (-want +got)\n%s", diff)
	}
}

func TestEveryOperationSaysWhatItIs(t *testing.T) {
	t.Parallel()
	_, doc := document(t)
	ids := map[string]bool{}
	for path := range doc.Paths.Map() {
		for method, op := range operations(doc, path) {
			if op.Summary == "" || op.Summary != "" && !regexp.MustCompile(`\.$`).MatchString(op.Summary) {
				t.Errorf("%s %s: summary %q", method, path, op.Summary)
			}
			if ids[op.OperationID] {
				t.Errorf("%s %s: operationId %s is taken", method, path, op.OperationID)
			}
			ids[op.OperationID] = true
			if path != "/ping" && !strings.Contains(op.Description, path+"/") {
				t.Errorf("%s does not mention its trailing slash", path)
			}
			for _, p := range op.Parameters {
				if p.Value.Description == "" {
					t.Errorf("%s: %s is not described", path, p.Value.Name)
				}
			}
		}
	}
	if len(ids) != 39 {
		t.Errorf("%d operations, want 39", len(ids))
	}
}

func TestIDsAreIntegersWithBounds(t *testing.T) {
	t.Parallel()
	_, doc := document(t)
	p := operations(doc, "/douyin/comment/list")["GET"].Parameters.GetByInAndName("query", "video_id")
	if p == nil || !p.Required || !p.Schema.Value.Type.Is("integer") || p.Schema.Value.Format != "int64" || *p.Schema.Value.Max != 1<<53-1 || *p.Schema.Value.Min != 1 {
		t.Errorf("video_id: %+v", p)
	}
}

func TestStreamAndUploadHaveTheirTypes(t *testing.T) {
	t.Parallel()
	_, doc := document(t)
	stream := operations(doc, "/douyin/message/stream")["GET"].Responses.Value("200").Value.Content
	if stream["text/event-stream"] == nil {
		t.Error("the stream is no event stream")
	}
	upload := operations(doc, "/douyin/publish/action")["POST"].RequestBody.Value.Content
	if len(upload) != 1 || upload["multipart/form-data"] == nil || upload["multipart/form-data"].Schema.Value.Properties["data"] == nil {
		t.Error("the upload is no multipart form")
	}
}

// TestEmbeddedDescriptorsAreThoseLinkedIn fails when gen/douyin.binpb is older
// than the generated code beside it.
func TestEmbeddedDescriptorsAreThoseLinkedIn(t *testing.T) {
	t.Parallel()
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(gen.PublicAPI, set); err != nil {
		t.Fatal(err)
	}
	if len(set.GetFile()) == 0 {
		t.Fatal("no files")
	}
	for _, embedded := range set.GetFile() {
		file, err := protoregistry.GlobalFiles.FindFileByPath(embedded.GetName())
		if err != nil {
			t.Fatal(err)
		}
		linked := protodesc.ToFileDescriptorProto(file)
		// Only comments may differ, and the Go package that generation sets.
		embedded.SourceCodeInfo, embedded.Options, linked.Options = nil, nil, nil
		if diff := cmp.Diff(linked, embedded, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-linked +embedded)\n%s", embedded.GetName(), diff)
		}
	}
}

func TestTheDocumentSaysTheLimitsThatOperatorsSet(t *testing.T) {
	t.Parallel()
	_, doc := document(t)
	for path, want := range map[string]string{
		"/douyin/publish/delete":  "A user may do this 91 times at once, then 0.25 times a second",
		"/douyin/favorite/action": "A user may do this 91 times at once",
		"/douyin/video/view":      "A user, or else a client, may do this 93 times at once, then 4 times a second",
		"/douyin/user/login":      "Attempts per account are allowed 92 times at once, then 2 times a second",
	} {
		if got := operations(doc, path)["POST"].Description; !strings.Contains(got, want) {
			t.Errorf("%s: %q does not say %q", path, got, want)
		}
	}
	for method, path := range map[string]string{"POST": "/douyin/user/register", "GET": "/douyin/feed"} { // no limit is set, or needed
		if got := operations(doc, path)[method].Description; strings.Contains(got, "times") {
			t.Errorf("%s: %q", path, got)
		}
	}
	upload := operations(doc, "/douyin/publish/action")["POST"].RequestBody.Value.Content["multipart/form-data"].Schema.Value
	if got := upload.Properties["data"].Value.Description; !strings.Contains(got, "At most 12345 bytes.") {
		t.Errorf("the upload's file: %q", got)
	}
}

func TestCommentsAreThere(t *testing.T) {
	t.Parallel()
	_, doc := document(t)
	for name, schema := range doc.Components.Schemas {
		if schema.Value.Description == "" {
			t.Errorf("%s is not described", name)
		}
		for key, property := range schema.Value.Properties {
			if property.Value.Description == "" {
				t.Errorf("%s.%s is not described", name, key)
			}
		}
	}
}

func TestThePageLoadsNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	for path, contentType := range map[string]string{"/docs": "text/html", "/docs/": "text/html", "/docs/docs.css": "text/css", "/docs/docs.js": "text/javascript"} {
		w := httptest.NewRecorder()
		openapi.Page().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		body, _ := io.ReadAll(w.Body)
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), contentType) || len(body) == 0 {
			t.Errorf("%s: HTTP %d %s, %d bytes", path, w.Code, w.Header().Get("Content-Type"), len(body))
		}
		if regexp.MustCompile(`(https?:)?//[a-z]+\.`).Match(body) || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s may load from elsewhere", path)
		}
	}
}

func TestTheDocumentIsNotSentTwice(t *testing.T) {
	t.Parallel()
	h := openapi.JSON([]byte(`{}`))
	first := httptest.NewRecorder()
	h.ServeHTTP(first, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	again := httptest.NewRequest(http.MethodGet, "/openapi.json", nil)
	again.Header.Set("If-None-Match", first.Header().Get("ETag"))
	second := httptest.NewRecorder()
	h.ServeHTTP(second, again)
	if first.Code != http.StatusOK || second.Code != http.StatusNotModified || second.Body.Len() > 0 {
		t.Errorf("HTTP %d, then %d", first.Code, second.Code)
	}
}
