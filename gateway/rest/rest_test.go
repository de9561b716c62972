package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/testing/protocmp"

	"douyin.dev/gateway/gatewaytest"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/services/platform/fault"
)

// now is the clock of these tests: 2026-03-04 05:06:07 UTC.
var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// recording is the public API as these tests need it: it keeps what it was
// asked and answers what it was told to.
type recording struct {
	apiv1.UnimplementedFeedServiceServer
	apiv1.UnimplementedUserServiceServer
	apiv1.UnimplementedVideoServiceServer
	apiv1.UnimplementedInteractionServiceServer
	apiv1.UnimplementedRelationServiceServer
	apiv1.UnimplementedMessageServiceServer

	mu     sync.Mutex
	asked  proto.Message
	token  string
	meta   metadata.MD
	fail   error
	answer proto.Message
}

// record keeps a call and gives its answer: the one that was set, or an empty one.
func record[Answer proto.Message](ctx context.Context, r *recording, req proto.Message, empty Answer) (Answer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked, r.token = req, TokenFrom(ctx)
	r.meta, _ = metadata.FromIncomingContext(ctx)
	if set, ok := r.answer.(Answer); ok && r.fail == nil {
		return set, nil
	}
	return empty, r.fail
}

func (r *recording) GetFeed(ctx context.Context, q *apiv1.GetFeedRequest) (*apiv1.GetFeedResponse, error) {
	return record(ctx, r, q, &apiv1.GetFeedResponse{})
}

func (r *recording) Register(ctx context.Context, q *apiv1.RegisterRequest) (*apiv1.RegisterResponse, error) {
	return record(ctx, r, q, &apiv1.RegisterResponse{})
}

func (r *recording) GetUser(ctx context.Context, q *apiv1.GetUserRequest) (*apiv1.GetUserResponse, error) {
	if q.GetUserId() == 666 {
		panic("a bug")
	}
	return record(ctx, r, q, &apiv1.GetUserResponse{})
}

func (r *recording) UpdateProfile(ctx context.Context, q *apiv1.UpdateProfileRequest) (*apiv1.UpdateProfileResponse, error) {
	return record(ctx, r, q, &apiv1.UpdateProfileResponse{})
}

func (r *recording) ReportViews(ctx context.Context, q *apiv1.ReportViewsRequest) (*apiv1.ReportViewsResponse, error) {
	return record(ctx, r, q, &apiv1.ReportViewsResponse{})
}

func (r *recording) LikeVideo(ctx context.Context, q *apiv1.LikeVideoRequest) (*apiv1.LikeVideoResponse, error) {
	return record(ctx, r, q, &apiv1.LikeVideoResponse{})
}

func (r *recording) UnlikeVideo(ctx context.Context, q *apiv1.UnlikeVideoRequest) (*apiv1.UnlikeVideoResponse, error) {
	return record(ctx, r, q, &apiv1.UnlikeVideoResponse{})
}

func (r *recording) CreateComment(ctx context.Context, q *apiv1.CreateCommentRequest) (*apiv1.CreateCommentResponse, error) {
	return record(ctx, r, q, &apiv1.CreateCommentResponse{})
}

func (r *recording) DeleteComment(ctx context.Context, q *apiv1.DeleteCommentRequest) (*apiv1.DeleteCommentResponse, error) {
	return record(ctx, r, q, &apiv1.DeleteCommentResponse{})
}

func (r *recording) ListComments(ctx context.Context, q *apiv1.ListCommentsRequest) (*apiv1.ListCommentsResponse, error) {
	return record(ctx, r, q, &apiv1.ListCommentsResponse{})
}

func (r *recording) Follow(ctx context.Context, q *apiv1.FollowRequest) (*apiv1.FollowResponse, error) {
	return record(ctx, r, q, &apiv1.FollowResponse{})
}

func (r *recording) ListFriends(ctx context.Context, q *apiv1.ListFriendsRequest) (*apiv1.ListFriendsResponse, error) {
	return record(ctx, r, q, &apiv1.ListFriendsResponse{})
}

func (r *recording) SendMessage(ctx context.Context, q *apiv1.SendMessageRequest) (*apiv1.SendMessageResponse, error) {
	return record(ctx, r, q, &apiv1.SendMessageResponse{})
}

func (r *recording) ListMessages(ctx context.Context, q *apiv1.ListMessagesRequest) (*apiv1.ListMessagesResponse, error) {
	return record(ctx, r, q, &apiv1.ListMessagesResponse{})
}

// bundle is a REST face on a server in memory.
type bundle struct {
	*recording
	t      *testing.T
	client *http.Client
	log    *bytes.Buffer
}

// with changes a bundle before it starts.
type with func(*Servers, *Options)

func setup(t *testing.T, changes ...with) *bundle {
	t.Helper()
	r, log := &recording{}, &bytes.Buffer{}
	servers := Servers{Feed: r, User: r, Video: r, Interaction: r, Relation: r, Message: r, Publish: http.NotFoundHandler(), Stream: http.NotFoundHandler()}
	options := Options{Logger: slog.New(slog.NewTextHandler(log, nil)), Now: func() time.Time { return now }}
	for _, change := range changes {
		change(&servers, &options)
	}
	h, err := New(servers, options)
	if err != nil {
		t.Fatal(err)
	}
	return &bundle{recording: r, t: t, client: gatewaytest.Serve(t, h), log: log}
}

func (b *bundle) do(r *http.Request) gatewaytest.Reply {
	b.t.Helper()
	return gatewaytest.Do(b.t, b.client, r)
}

func (b *bundle) get(target string) gatewaytest.Reply {
	return b.do(gatewaytest.Request(http.MethodGet, target, nil))
}

func (b *bundle) post(target, contentType, body string) gatewaytest.Reply {
	r := gatewaytest.Request(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return b.do(r)
}

func (b *bundle) form(target string, form url.Values) gatewaytest.Reply {
	return b.post(target, "application/x-www-form-urlencoded", form.Encode())
}

// object reads the answer as JSON, with numbers as they were written.
func (b *bundle) object(r gatewaytest.Reply) map[string]any {
	b.t.Helper()
	d := json.NewDecoder(bytes.NewReader(r.Text))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		b.t.Fatalf("not JSON: %v\n%s", err, r.Text)
	}
	return v
}

// refused checks an answer's status_code, and that its message names something.
func (b *bundle) refused(r gatewaytest.Reply, code, names string) {
	b.t.Helper()
	v := b.object(r)
	if r.StatusCode != http.StatusOK || v["status_code"] != json.Number(code) || !strings.Contains(v["status_msg"].(string), names) {
		b.t.Errorf("HTTP %d %s, want status_code %s about %q", r.StatusCode, r.Text, code, names)
	}
}

// askedFor checks what the service was asked since the last check.
func (b *bundle) askedFor(want proto.Message) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if diff := cmp.Diff(want, b.asked, protocmp.Transform()); diff != "" {
		b.t.Errorf("(-want +asked)\n%s", diff)
	}
	b.asked = nil
}

// multipartBody is a form with fields and one file.
func multipartBody(t *testing.T, file string, fields ...[2]string) (contentType, body string) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	if file != "" {
		part, err := w.CreateFormFile("data", "a.mp4")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write([]byte(file))
	}
	for _, f := range fields {
		if err := w.WriteField(f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), out.String()
}

// contractPaths are the paths clients call and the keys of their answers
// beyond the envelope, with the zero values of a failed one.
func contractPaths() map[string]string {
	const token, page = `"user_id":0,"token":""`, `,"next_page_token":""`
	return map[string]string{
		"GET /douyin/feed":                    `"video_list":[],"next_time":0`,
		"GET /douyin/feed/following":          `"video_list":[]` + page,
		"GET /douyin/search":                  `"video_list":[],"user_list":[],"tag_list":[]` + page,
		"GET /douyin/search/suggest":          `"suggestion_list":[]`,
		"GET /douyin/tag/videos":              `"video_list":[]` + page + `,"tag":"","video_count":0`,
		"POST /douyin/user/register":          token,
		"POST /douyin/user/login":             token,
		"GET /douyin/user":                    `"user":null`,
		"GET /douyin/user/public":             `"user":null`,
		"GET /douyin/video":                   `"video":null`,
		"POST /douyin/user/profile":           `"user":null`,
		"POST /douyin/user/password":          `"token":""`,
		"POST /douyin/user/logout":            ``,
		"POST /douyin/user/logout/everywhere": ``,
		"POST /douyin/publish/action":         `"video":null`,
		"GET /douyin/publish/list":            `"video_list":[]` + page,
		"POST /douyin/publish/edit":           `"video":null`,
		"POST /douyin/video/view":             `"unknown_video_ids":[]`,
		"POST /douyin/publish/delete":         ``,
		"GET /douyin/publish/status":          `"status":null`,
		"GET /douyin/publish/status/stream":   `"status":null`,
		"POST /douyin/publish/retry":          ``,
		"POST /douyin/favorite/action":        ``,
		"GET /douyin/favorite/list":           `"video_list":[]` + page,
		"POST /douyin/comment/action":         `"comment":null`,
		"GET /douyin/comment/list":            `"comment_list":[]` + page,
		"GET /douyin/comment/count":           `"comment_count":0`,
		"POST /douyin/relation/action":        ``,
		"POST /douyin/relation/follow":        ``,
		"POST /douyin/relation/unfollow":      ``,
		"GET /douyin/relation/follow/list":    `"user_list":[]` + page,
		"GET /douyin/relation/follower/list":  `"user_list":[]` + page,
		"GET /douyin/relation/friend/list":    `"user_list":[]` + page,
		"GET /douyin/relation/follow/count":   `"count":0`,
		"GET /douyin/relation/follower/count": `"count":0`,
		"GET /douyin/relation/isFollow":       `"result":false`,
		"POST /douyin/message/action":         `"message":null`,
		"GET /douyin/message/chat":            `"message_list":[]` + page,
		"GET /douyin/message/stream":          `"message":null,"cursor":0`,
	}
}

// TestEveryPathAnswersItsKeysWhenItFails asks every path with and without its
// slash, and by POST where GET is meant, and has every call refused.
func TestEveryPathAnswersItsKeysWhenItFails(t *testing.T) {
	t.Parallel()
	refuse := func(Handler) Handler {
		return func(ctx context.Context, w http.ResponseWriter, _ *http.Request) {
			AnswerError(ctx, w, errors.New("a bug"))
		}
	}
	b := setup(t, func(_ *Servers, o *Options) { o.Session = refuse })
	for call, keys := range contractPaths() {
		method, path, _ := strings.Cut(call, " ")
		want := `{"status_code":50001,"status_msg":"internal error"`
		if keys != "" {
			want += "," + keys
		}
		want += "}"
		for _, method := range []string{method, http.MethodPost} {
			for _, target := range []string{path, path + "/"} {
				got := b.do(gatewaytest.Request(method, target+"?action_type=1", nil))
				if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "application/json" {
					t.Errorf("%s %s: HTTP %d %s", method, target, got.StatusCode, got.Header.Get("Content-Type"))
				}
				if diff := cmp.Diff(want, string(got.Text)); diff != "" {
					t.Errorf("%s %s (-want +got)\n%s", method, target, diff)
				}
			}
		}
	}
}

// TestTheSurfaceIsTheContract fails when a path is added or lost.
func TestTheSurfaceIsTheContract(t *testing.T) {
	t.Parallel()
	all, err := routes()
	if err != nil {
		t.Fatal(err)
	}
	got, want := map[string]bool{}, map[string]bool{}
	for _, r := range all {
		path, _ := r.Client()
		got[r.Method+" "+path] = true
	}
	for call := range contractPaths() {
		want[call] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-contract +surface)\n%s", diff)
	}
}

func TestEveryRouteReachesTheMux(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for call := range contractPaths() {
		method, path, _ := strings.Cut(call, " ")
		if isStream(path) {
			continue // not in the mux
		}
		for _, action := range []string{"1", "2"} {
			if path == "/douyin/message/action" && action == "2" {
				continue
			}
			got := b.do(gatewaytest.Request(method, path+"?video_id=1&comment_id=1&to_user_id=1&user_id=1&action_type="+action, nil))
			if code := b.object(got)["status_code"]; code != json.Number("0") && code != json.Number("50001") {
				t.Errorf("%s with action %s: %s", call, action, got.Text)
			}
		}
	}
}

func TestSuccessIsAnEnvelopeWithNumbers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.answer = &apiv1.RegisterResponse{UserId: 1<<53 - 1, Token: "a<b>&\"c"}
	got := b.post("/douyin/user/register/", "application/x-www-form-urlencoded", "username=a&password=b")
	want := `{"status_code":0,"status_msg":"success","user_id":9007199254740991,"token":"a<b>&\"c"}`
	if diff := cmp.Diff(want, string(got.Text)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got.Header.Get("X-Content-Type-Options") != "nosniff" || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", got.Header)
	}
}

func TestUnknownPathsAreJSON404(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, target := range []string{
		"/douyin/nothing", "/", "/douyin", "/douyin/", "/douyin//feed", "/douyin/feed//", "/douyin/../douyin/feed", "/douyin/Feed",
		"/douyin/favorite/action/1", "/douyin/favorite/action/1/", "/douyin/comment/action/2?video_id=1",
	} {
		got := b.get(target)
		if got.StatusCode != http.StatusNotFound || b.object(got)["status_code"] != json.Number("40001") {
			t.Errorf("%s: HTTP %d %s", target, got.StatusCode, got.Text)
		}
	}
}

func TestWrongMethodsAreJSON405(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, tt := range []struct{ method, target, allow string }{
		{http.MethodGet, "/douyin/user/register/", "POST, OPTIONS"},
		{http.MethodGet, "/douyin/publish/action/", "POST, OPTIONS"},
		{http.MethodDelete, "/douyin/feed", "GET, HEAD, POST, OPTIONS"},
		{http.MethodPut, "/ping", "GET, HEAD, POST, OPTIONS"},
	} {
		r := gatewaytest.Request(tt.method, tt.target, nil)
		r.Header.Set("X-Http-Method-Override", "POST") // must not help
		got := b.do(r)
		if got.StatusCode != http.StatusMethodNotAllowed || got.Header.Get("Allow") != tt.allow || b.object(got)["status_code"] != json.Number("40001") {
			t.Errorf("%s %s: HTTP %d, Allow %q, %s", tt.method, tt.target, got.StatusCode, got.Header.Get("Allow"), got.Text)
		}
	}
}

func TestOptionsIsAnsweredWithoutCORSToo(t *testing.T) {
	t.Parallel()
	got := setup(t).do(gatewaytest.Request(http.MethodOptions, "/douyin/feed/", nil))
	if got.StatusCode != http.StatusNoContent || got.Header.Get("Allow") != "GET, HEAD, POST, OPTIONS" {
		t.Errorf("HTTP %d, Allow %q", got.StatusCode, got.Header.Get("Allow"))
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, target := range []string{"/ping", "/ping/"} {
		if got := b.get(target); got.StatusCode != http.StatusOK || b.object(got)["status_code"] != json.Number("0") {
			t.Errorf("%s: HTTP %d %s", target, got.StatusCode, got.Text)
		}
	}
}

// TestHeadIsAnsweredWhereGetIs compares the headers of both and expects no body.
func TestHeadIsAnsweredWhereGetIs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	targets := []string{"/ping", "/ping/", "/openapi.json", "/docs", "/docs/docs.css", "/douyin/comment/list/?video_id=x"}
	for call := range contractPaths() {
		if path, isGet := strings.CutPrefix(call, "GET "); isGet && !isStream(path) {
			targets = append(targets, path, path+"/?user_id=1&video_id=1&to_user_id=1")
		}
	}
	for _, target := range targets {
		got, head := b.get(target), b.do(gatewaytest.Request(http.MethodHead, target, nil))
		if head.StatusCode != got.StatusCode || len(head.Text) > 0 || head.ContentLength != got.ContentLength {
			t.Errorf("%s: HTTP %d, %d bytes; GET: HTTP %d, %d bytes", target, head.StatusCode, head.ContentLength, got.StatusCode, got.ContentLength)
		}
		got.Header.Del("Date")
		head.Header.Del("Date")
		if diff := cmp.Diff(got.Header, head.Header); diff != "" {
			t.Errorf("%s (-GET +HEAD)\n%s", target, diff)
		}
	}
	if got := b.do(gatewaytest.Request(http.MethodHead, "/douyin/user/register/", nil)); got.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("HEAD where POST is: HTTP %d", got.StatusCode)
	}
}

func TestNothingOfTheClientBecomesMetadata(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := gatewaytest.Request(http.MethodGet, "/douyin/feed", nil)
	for _, name := range []string{"Authorization", "Grpc-Metadata-Viewer-Token", "Viewer-Token", "X-Forwarded-For", "X-Forwarded-Host", "Cookie"} {
		r.Header.Set(name, "planted")
	}
	r.Header.Set("Grpc-Timeout", "1n") // would end the call
	if got := b.do(r); b.object(got)["status_code"] != json.Number("0") {
		t.Errorf("%s", got.Text)
	}
	if len(b.meta) > 0 {
		t.Errorf("metadata %v", b.meta)
	}
}

func TestPublishGetsItsBodyUnreadAndNoTokenInTheURL(t *testing.T) {
	t.Parallel()
	var seen struct{ query, body, token, procedure string }
	publish := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen.query, seen.body = r.URL.RawQuery, string(body)
		seen.token, seen.procedure = TokenFrom(r.Context()), CallFrom(r.Context()).Procedure
		AnswerMessage(r.Context(), w, &apiv1.PublishVideoResponse{Video: &apiv1.Video{Id: 7}})
	})
	b := setup(t, func(s *Servers, _ *Options) { s.Publish = publish })
	large := strings.Repeat("x", MaxBody+1)
	got := b.post("/douyin/publish/action/?title=a&token=secret&x=1", "multipart/form-data; boundary=b", large)
	if video, _ := b.object(got)["video"].(map[string]any); video["id"] != json.Number("7") {
		t.Errorf("answer %.200s", got.Text)
	}
	if seen.query != "title=a&x=1" || seen.body != large || seen.token != "secret" || seen.procedure != "/douyin.api.v1.UploadService/PublishVideo" {
		t.Errorf("query %q, %d bytes, token %q, procedure %q", seen.query, len(seen.body), seen.token, seen.procedure)
	}
}

func TestSessionSeesTheCallAndMayRefuseIt(t *testing.T) {
	t.Parallel()
	var token, procedure string
	session := func(next Handler) Handler {
		return func(ctx context.Context, w http.ResponseWriter, r *http.Request) {
			token, procedure = TokenFrom(ctx), CallFrom(ctx).Procedure
			next(ctx, w, r)
		}
	}
	b := setup(t, func(_ *Servers, o *Options) { o.Session = session })
	b.form("/douyin/favorite/action/", url.Values{"token": {"t"}, "video_id": {"5"}, "action_type": {"2"}})
	b.askedFor(&apiv1.UnlikeVideoRequest{VideoId: 5})
	if token != "t" || procedure != "/douyin.api.v1.InteractionService/UnlikeVideo" {
		t.Errorf("token %q, procedure %q", token, procedure)
	}
}

// What an RPC declares as required is refused by name, once the session is known.
func TestACallWithoutARequiredIDIsRefusedByName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for target, missing := range map[string]string{
		"/douyin/favorite/action/?action_type=1":            "video_id is required",
		"/douyin/comment/action/?action_type=2&video_id=1":  "comment_id is required",
		"/douyin/relation/action/?action_type=1&to_user_id": "to_user_id is required",
		"/douyin/message/chat/":                             "to_user_id is required",
	} {
		b.refused(b.post(target, "application/x-www-form-urlencoded", ""), "40002", missing)
	}
	b.askedFor(nil)
	b.get("/douyin/user/") // an id that may be absent
	b.askedFor(&apiv1.GetUserRequest{})
	refused := setup(t, func(_ *Servers, o *Options) {
		o.Session = func(Handler) Handler {
			return func(ctx context.Context, w http.ResponseWriter, _ *http.Request) {
				AnswerError(ctx, w, fault.LoginRequired())
			}
		}
	})
	refused.refused(refused.post("/douyin/favorite/action/?action_type=1", "", ""), "10004", "login")
}

func TestRenamedKeysAreOfFields(t *testing.T) {
	t.Parallel()
	for name := range renamedKeys() {
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
		if _, field := found.(protoreflect.FieldDescriptor); err != nil || !field {
			t.Errorf("%s is no field: %v", name, err)
		}
	}
}
