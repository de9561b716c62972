package rest

import (
	"fmt"
	"math"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"douyin.dev/gateway/gatewaytest"
	apiv1 "douyin.dev/gen/douyin/api/v1"
)

func TestParametersComeFromEverywhere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := &apiv1.RegisterRequest{Username: "湖 & 海", Password: "p+w=1;%"}
	form := url.Values{"username": {want.GetUsername()}, "password": {want.GetPassword()}}
	contentType, body := multipartBody(t, "a file", [2]string{"username", want.GetUsername()}, [2]string{"password", want.GetPassword()})
	const jsonBody = `{"username":"湖 & 海","password":"p+w=1;%","age":{"deep":[1,{"x":null}]}}`
	for name, send := range map[string]func(){
		"query":          func() { b.post("/douyin/user/register/?"+form.Encode(), "", "") },
		"form":           func() { b.form("/douyin/user/register/", form) },
		"multipart":      func() { b.post("/douyin/user/register/", contentType, body) },
		"json":           func() { b.post("/douyin/user/register/", "application/json; charset=utf-8", jsonBody) },
		"json as a form": func() { b.post("/douyin/user/register/", "application/x-www-form-urlencoded", jsonBody) },
		"json untyped":   func() { b.post("/douyin/user/register/", "", "\n "+jsonBody+"\n") },
		"mixed": func() {
			b.form("/douyin/user/register/?username="+url.QueryEscape(want.GetUsername()), url.Values{"password": form["password"]})
		},
	} {
		t.Log(name)
		send()
		b.askedFor(want)
	}
}

func TestFirstNonEmptyValueWins(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.get("/douyin/comment/list/?video_id=&video_id=1&video_id=2")
	b.askedFor(&apiv1.ListCommentsRequest{VideoId: 1})
	b.form("/douyin/comment/list/?video_id=3", url.Values{"video_id": {"4"}})
	b.askedFor(&apiv1.ListCommentsRequest{VideoId: 3})
	b.form("/douyin/comment/list/?video_id=", url.Values{"video_id": {"", "5", "6"}})
	b.askedFor(&apiv1.ListCommentsRequest{VideoId: 5})
	b.post("/douyin/comment/list/", "application/json", `{"video_id":null,"video_id":"","video_id":7,"video_id":8}`)
	b.askedFor(&apiv1.ListCommentsRequest{VideoId: 7})
	contentType, body := multipartBody(t, "", [2]string{"video_id", ""}, [2]string{"video_id", "9"})
	b.post("/douyin/comment/list/", contentType, body)
	b.askedFor(&apiv1.ListCommentsRequest{VideoId: 9})
}

func TestUnknownParametersAreIgnored(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// Neither an actor nor anything that grpc-gateway would read in its own way.
	got := b.get("/douyin/favorite/action/?x=1")
	if got.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("HTTP %d", got.StatusCode)
	}
	b.form("/douyin/favorite/action/?user_id=99&viewer=1&videoId=3&video_id[x]=4&video_id.y=5&%zz=1&=&&", url.Values{"video_id": {"2"}, "action_type": {"1"}})
	b.askedFor(&apiv1.LikeVideoRequest{VideoId: 2})
}

func TestEmptyIsAbsent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.get("/douyin/message/chat/?to_user_id=4&pre_msg_time=&page_size=")
	b.askedFor(&apiv1.ListMessagesRequest{ToUserId: 4})
	// A field that knows presence is given: empty sets the default picture.
	b.form("/douyin/user/profile", url.Values{"avatar": {""}})
	b.askedFor(&apiv1.UpdateProfileRequest{Avatar: proto.String("")})
}

func TestIntegersAreCanonical(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for sent, want := range map[string]int64{
		"7": 7, "007": 7, "7.0": 7, "1.234567e+06": 1234567, "1.5e1": 15, "70e-1": 7, "9007199254740991": 1<<53 - 1,
		"9.007199254740991e15": 1<<53 - 1, "9007199254740991.000": 1<<53 - 1, "0.7e1": 7, "1E3": 1000,
	} {
		b.get("/douyin/comment/list/?video_id=" + url.QueryEscape(sent))
		b.askedFor(&apiv1.ListCommentsRequest{VideoId: want})
	}
	for _, sent := range []string{
		"abc", "-1", "+7", "7.5", "0x10", "1_000", "NaN", "Infinity", "7.", ".7", "1e", "1e+", "7e-1", " 7", "７", "1e999999999999999999999",
		"0", "9007199254740992", "9223372036854775808", "1e-1", "0.0",
	} {
		b.refused(b.get("/douyin/comment/list/?video_id="+url.QueryEscape(sent)), "40002", "video_id")
	}
	b.post("/douyin/comment/list/", "application/json", `{"video_id":1.234567e+06}`)
	b.askedFor(&apiv1.ListCommentsRequest{VideoId: 1234567})
	b.refused(b.get("/douyin/comment/list/?video_id=1&page_size=2147483648"), "40002", "page_size")
	b.get("/douyin/comment/list/?video_id=1&page_size=2147483647")
	b.askedFor(&apiv1.ListCommentsRequest{VideoId: 1, PageSize: math.MaxInt32})
	b.get("/douyin/message/chat/?to_user_id=1&pre_msg_time=0")
	b.askedFor(&apiv1.ListMessagesRequest{ToUserId: 1})
	b.refused(b.get("/douyin/message/chat/?to_user_id=1&pre_msg_time=-1"), "40002", "pre_msg_time")
}

func TestListsAreArraysOrTheirText(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const path, array = "/douyin/video/view/", `[{"video_id": 7, "watched_ms": "2500", "new": [1]}, {"video_id": 8e0}]`
	want := &apiv1.ReportViewsRequest{Views: []*apiv1.View{{VideoId: 7, WatchedMs: 2500}, {VideoId: 8}}, IdempotencyKey: "k"}
	b.form(path, url.Values{"views": {array}, "idempotency_key": {"k"}})
	b.askedFor(want)
	b.post(path+"?idempotency_key=k", "application/json", `{"views": `+array+`, "x": []}`)
	b.askedFor(want)
	b.post(path+"?idempotency_key=k&views="+url.QueryEscape(array), "text/plain", "")
	b.askedFor(want)
	b.form(path, url.Values{"idempotency_key": {"k"}})
	b.askedFor(&apiv1.ReportViewsRequest{IdempotencyKey: "k"})
	for sent, field := range map[string]string{
		"7": "views", `{"video_id": 1}`: "views", "[": "views", "[{}] 7": "views", "[{}": "views", "[{},]": "views",
		"[" + strings.Repeat("{},", 64) + "{}]": "views", "[{}, 7]": "views[1]", `[{"video_id": "x"}]`: "views[0]", "[{\"source\": \"\xff\"}]": "views[0]",
	} {
		b.refused(b.form(path, url.Values{"views": {sent}}), "40002", field)
	}
	b.refused(b.post(path, "application/json", `{"views": {"video_id": 1}}`), "40002", "views")
	b.refused(b.post("/douyin/comment/list/", "application/json", `{"video_id": [1]}`), "40002", "video_id")
}

// TestEveryNotationOfAnIntegerIsExact writes a number in every way a client
// may and expects it back, also where a float64 would round.
func TestEveryNotationOfAnIntegerIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Int64Range(0, math.MaxInt64).Draw(t, "v")
		plain := strconv.FormatInt(v, 10)
		notation := rapid.SampledFrom([]string{plain, "00" + plain, plain + ".000", scientific(plain), plain + "0e-1"}).Draw(t, "notation")
		got, wrong := canonicalInteger(notation, 0, math.MaxInt64)
		if wrong != "" || got != plain {
			t.Fatalf("%q gave %q, %q", notation, got, wrong)
		}
	})
}

// scientific is d.ddde+NN with all digits.
func scientific(digits string) string {
	return fmt.Sprintf("%s.%se+%02d", digits[:1], digits[1:]+"0", len(digits)-1)
}

// TestAnIntegerIsAcceptedJustWhenItIsOne compares with exact rationals.
func TestAnIntegerIsAcceptedJustWhenItIsOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "s")
		exact, ok := new(big.Rat).SetString(s)
		if !ok {
			t.Fatalf("%q is no number", s)
		}
		got, wrong := canonicalInteger(s, 0, math.MaxInt64)
		if exact.IsInt() && exact.Num().IsInt64() {
			if got != exact.Num().String() {
				t.Fatalf("%q gave %q %s", s, got, wrong)
			}
		} else if wrong == "" {
			t.Fatalf("%q gave %q", s, got)
		}
	})
}

func TestLatestTimeUnitFollowsMagnitude(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ sent, want string }{
		{"1700000000", "1700000000000"},
		{"1700000000.5", "1700000000500"},
		{"1.7e9", "1700000000000"},
		{"1", "1000"},
		{"99999999999", ""}, // seconds, in the year 5138
		{"100000000000", "100000000000"},
		{"1700000000123", "1700000000123"},
		{"100000000000000", "100000000000"},
		{"1700000000123000", "1700000000123"},
		{"1700000000123001", "1700000000124"}, // older than this microsecond: the whole millisecond is
		{"99999999999999999", ""},
		{"100000000000000000", "100000000000"},
		{"1700000000123000000", "1700000000123"},
		{strconv.FormatInt(now.UnixMilli(), 10), strconv.FormatInt(now.UnixMilli(), 10)},
		{strconv.FormatInt(now.UnixMilli()+1, 10), ""},
		{"99999999999999999999999", ""},
		{"", ""}, {"0", ""}, {"0.0", ""}, {"-5", ""}, {"yesterday", ""}, {"NaN", ""}, {"1e999", ""}, {"1e-999", ""}, {"null", ""},
	} {
		if got := canonicalLatestTime(tt.sent, now); got != tt.want {
			t.Errorf("%q gave %q, want %q", tt.sent, got, tt.want)
		}
	}
}

func TestGarbageLatestTimeIsNow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.get("/douyin/feed/?latest_time=garbage")
	b.askedFor(&apiv1.GetFeedRequest{})
	b.get("/douyin/feed/?latest_time=1700000000")
	b.askedFor(&apiv1.GetFeedRequest{LatestTime: 1_700_000_000_000})
}

func TestActionTypeChoosesTheCall(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for target, want := range map[string]proto.Message{
		"/douyin/favorite/action/?video_id=1&action_type=1":                 &apiv1.LikeVideoRequest{VideoId: 1},
		"/douyin/favorite/action/?video_id=1&action_type=2.0":               &apiv1.UnlikeVideoRequest{VideoId: 1},
		"/douyin/comment/action?video_id=1&comment_text=+hi+&action_type=1": &apiv1.CreateCommentRequest{VideoId: 1, CommentText: " hi "},
		"/douyin/comment/action?video_id=1&comment_id=2&action_type=2":      &apiv1.DeleteCommentRequest{VideoId: 1, CommentId: 2},
		"/douyin/relation/action/?to_user_id=1&action_type=1":               &apiv1.FollowRequest{ToUserId: 1},
		"/douyin/relation/follow/?to_user_id=1":                             &apiv1.FollowRequest{ToUserId: 1},
		"/douyin/message/action/?to_user_id=1&content=x&action_type=1":      &apiv1.SendMessageRequest{ToUserId: 1, Content: "x"},
	} {
		b.do(gatewaytest.Request(http.MethodPost, target, nil))
		b.askedFor(want)
	}
	b.post("/douyin/favorite/action/", "application/json", `{"video_id":3,"action_type":1}`)
	b.askedFor(&apiv1.LikeVideoRequest{VideoId: 3})
	for _, action := range []string{"", "&action_type=", "&action_type=3", "&action_type=0", "&action_type=like", "&action_type=-1", "&action_type=1.5"} {
		got := b.do(gatewaytest.Request(http.MethodPost, "/douyin/comment/action/?video_id=1"+action, nil))
		b.refused(got, "40002", "action_type")
		if v, present := b.object(got)["comment"]; v != nil || !present {
			t.Errorf("no null comment in %s", got.Text)
		}
	}
	b.refused(b.do(gatewaytest.Request(http.MethodPost, "/douyin/message/action/?action_type=2", nil)), "40002", "action_type")
}

func TestTokenComesFromEverywhere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	contentType, multi := multipartBody(t, "x", [2]string{"token", "t"})
	header := func(name, value string) func() gatewaytest.Reply {
		return func() gatewaytest.Reply {
			r := gatewaytest.Request(http.MethodGet, "/douyin/feed/?token=", nil)
			r.Header.Set(name, value)
			return b.do(r)
		}
	}
	for place, send := range map[string]func() gatewaytest.Reply{
		"query":        func() gatewaytest.Reply { return b.get("/douyin/feed?token=t") },
		"form":         func() gatewaytest.Reply { return b.form("/douyin/feed", url.Values{"token": {"t"}}) },
		"multipart":    func() gatewaytest.Reply { return b.post("/douyin/feed", contentType, multi) },
		"json":         func() gatewaytest.Reply { return b.post("/douyin/feed", "application/json", `{"token":"t"}`) },
		"bearer":       header("Authorization", "Bearer t"),
		"bearer, odd":  header("authorization", "bEARER  t"),
		"access-token": header("Access-Token", "t"),
		"token":        header("token", "t"),
		"query before header": func() gatewaytest.Reply {
			r := gatewaytest.Request(http.MethodGet, "/douyin/feed?token=t", nil)
			r.Header.Set("Authorization", "Bearer other")
			return b.do(r)
		},
	} {
		b.token = ""
		if send(); b.token != "t" {
			t.Errorf("%s: token %q", place, b.token)
		}
	}
	for _, value := range []string{"Basic dDp0", "t", "Bearer", "Bearer "} {
		header("Authorization", value)()
		if b.token != "" {
			t.Errorf("Authorization %q gave token %q", value, b.token)
		}
	}
}

func TestHeaderTokenServesTheRPCFace(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{"Authorization": "Bearer t", "Access-Token": "t", "Token": "t"} {
		var got string
		h := Origins{}.WithHeaders(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = TokenFrom(r.Context()) }))
		r := httptest.NewRequest(http.MethodPost, "/douyin.api.v1.FeedService/GetFeed", nil)
		r.Header.Set(name, value)
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got != "t" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestTheTokenLeavesTheQuery(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		"": "", "a": "a", "token=t": "", "a=1&token=t&b=2&token=u": "a=1&b=2", "t%6Fken=t&a=1": "a=1", "token": "token", "tokens=1": "tokens=1", "a=token": "a=token", "%zz=1": "%zz=1",
	} {
		if got := withoutToken(sent); got != want {
			t.Errorf("%q gave %q, want %q", sent, got, want)
		}
	}
}

func TestIdempotencyKeyMayBeAHeader(t *testing.T) {
	t.Parallel()
	b := setup(t)
	post := func(target string) {
		r := gatewaytest.Request(http.MethodPost, target, nil)
		r.Header.Set("Idempotency-Key", "h")
		b.do(r)
	}
	post("/douyin/message/action/?action_type=1&to_user_id=1&content=x")
	b.askedFor(&apiv1.SendMessageRequest{ToUserId: 1, Content: "x", IdempotencyKey: "h"})
	post("/douyin/message/action/?action_type=1&to_user_id=1&content=x&idempotency_key=")
	b.askedFor(&apiv1.SendMessageRequest{ToUserId: 1, Content: "x", IdempotencyKey: "h"})
	post("/douyin/message/action/?action_type=1&to_user_id=1&content=x&idempotency_key=p")
	b.askedFor(&apiv1.SendMessageRequest{ToUserId: 1, Content: "x", IdempotencyKey: "p"})
	post("/douyin/relation/follow/?to_user_id=1")
	b.askedFor(&apiv1.FollowRequest{ToUserId: 1, IdempotencyKey: "h"})
	post("/douyin/comment/list/?video_id=1") // has no such field
	b.askedFor(&apiv1.ListCommentsRequest{VideoId: 1})
}

func TestTextMustBeStorable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, sent := range []string{"%ff", "a%00b", "%zz"} {
		b.refused(b.do(gatewaytest.Request(http.MethodPost, "/douyin/user/register/?username="+sent, nil)), "40002", "username")
	}
}

func TestBodiesThatCannotBeReadAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, tt := range []struct{ contentType, body, names string }{
		{"application/json", `[1]`, "body"},
		{"application/json", `{"username":"a"`, "body"},
		{"application/json", `{"username":"a"} {}`, "body"},
		{"application/json", `"username"`, "body"},
		{"application/json", `{"username":["a"]}`, "username"},
		{"application/json", `{"username":{"a":1}}`, "username"},
		{"multipart/form-data", "x", "body"},
		{"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=username\r\n\r\na", "body"},
	} {
		got := b.post("/douyin/user/register/", tt.contentType, tt.body)
		b.refused(got, "40002", tt.names)
		if !strings.HasSuffix(string(got.Text), `,"user_id":0,"token":""}`) {
			t.Errorf("keys are missing: %s", got.Text)
		}
	}
	b.askedFor(nil)
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, shape := range []struct{ contentType, before, after string }{
		{"application/x-www-form-urlencoded", "username=a&password=", ""},
		{"application/json", `{"username":"a","password":"`, `"}`},
		{"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\na\r\n--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n", "\r\n--b--\r\n"},
	} {
		for _, size := range []int{MaxBody - 1, MaxBody, MaxBody + 1} {
			password := strings.Repeat("x", size-len(shape.before)-len(shape.after))
			got := b.post("/douyin/user/register/", shape.contentType, shape.before+password+shape.after)
			if size > MaxBody {
				b.refused(got, "40002", "body")
				continue
			}
			b.askedFor(&apiv1.RegisterRequest{Username: "a", Password: password})
		}
	}
}

func TestParameterLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, n := range []int{maxParams - 1, maxParams, maxParams + 1} {
		// Half in the query, half in the body: the limit is on both together.
		query := strings.Repeat("&q=1", n/2)
		body := "video_id=1" + strings.Repeat("&b=1", n-n/2-1)
		got := b.post("/douyin/comment/list/?"+query, "application/x-www-form-urlencoded", body)
		if n > maxParams {
			b.refused(got, "40002", "64 parameters")
			continue
		}
		b.askedFor(&apiv1.ListCommentsRequest{VideoId: 1})
	}
	b.refused(b.post("/douyin/comment/list/", "application/json", "{"+strings.Repeat(`"a":1,`, maxParams)+`"b":1}`), "40002", "64 parameters")
}

// TestQueriesReadAsTheStandardLibraryReadsThem, but for what is told apart on
// purpose: repetition, semicolons and broken encodings.
func TestQueriesReadAsTheStandardLibraryReadsThem(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sent := url.Values{}
		for range rapid.IntRange(0, 5).Draw(t, "parameters") {
			name := rapid.SampledFrom([]string{"a", "b", "token", "é &="}).Draw(t, "name")
			sent.Add(name, rapid.String().Draw(t, "value"))
		}
		g := gathering{known: map[string]bool{"a": true, "b": true, "é &=": true}}
		if err := g.urlencoded(sent.Encode()); err != nil {
			t.Fatal(err)
		}
		for name, values := range sent {
			var first string
			for _, v := range values {
				if first = v; v != "" {
					break
				}
			}
			if got := g.found.value(name); got != first {
				t.Fatalf("%s is %q, want %q", name, got, first)
			}
		}
	})
}

// FuzzParameters: whatever a query says, it is either refused with a fault or
// becomes values the mux can read.
func FuzzParameters(f *testing.F) {
	for _, seed := range []string{"video_id=1&action_type=1", "latest_time=1e9", "a=%zz&token=x", "page_size=99999999999", "avatar=&avatar=%00"} {
		f.Add(seed, "")
	}
	f.Add("", "username=a&password=b")
	s := mustSurface(f)
	f.Fuzz(func(t *testing.T, query, form string) {
		for _, p := range s.paths {
			g := gathering{known: p.names}
			if err := g.urlencoded(query); err != nil {
				checkRefusal(t, err)
				continue
			}
			if err := g.content("application/x-www-form-urlencoded", []byte(form)); err != nil {
				checkRefusal(t, err)
				continue
			}
			checkTranslation(t, p, g.found)
		}
	})
}

// FuzzJSONBody is the same for a JSON body.
func FuzzJSONBody(f *testing.F) {
	for _, seed := range []string{`{}`, `{"video_id":1.5e3,"action_type":"1"}`, `{"a":[[[{}]]]}`, `{"username":"\ud800","username":null}`, `{"a":`} {
		f.Add([]byte(seed))
	}
	s := mustSurface(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, p := range s.paths {
			g := gathering{known: p.names}
			if err := g.content("application/json", body); err != nil {
				checkRefusal(t, err)
				continue
			}
			checkTranslation(t, p, g.found)
		}
	})
}

func mustSurface(t testing.TB) *surface {
	t.Helper()
	all, err := routes()
	if err != nil {
		t.Fatal(err)
	}
	s, err := compileSurface(all)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func checkRefusal(t *testing.T, err error) {
	t.Helper()
	if s := statusOf(err); s.code != statusBadParameter {
		t.Fatalf("refused with %d: %v", s.code, err)
	}
}

func checkTranslation(t *testing.T, p *path, given params) {
	t.Helper()
	e, err := p.chooseEndpoint(given)
	if err != nil {
		checkRefusal(t, err)
		return
	}
	values, err := e.canonicalize(given, time.Unix(1_800_000_000, 0))
	if err != nil {
		checkRefusal(t, err)
		return
	}
	for i := range e.params {
		param := &e.params[i]
		value := values.Get(param.name)
		if len(values[param.name]) > 1 {
			t.Fatalf("%s has several values", param.name)
		}
		if param.kind == paramText || param.kind == paramList || value == "" {
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || strconv.FormatInt(n, 10) != value {
			t.Fatalf("%s=%q is not canonical", param.name, value)
		}
	}
	if diff := cmp.Diff("", values.Get(TokenParam)); diff != "" {
		t.Fatal("the token reached the mux")
	}
}

// BenchmarkFeedRequest is what the REST face itself costs: the dialect, the
// mux, and an answer of 30 videos.
func BenchmarkFeedRequest(b *testing.B) {
	r := &recording{answer: &apiv1.GetFeedResponse{VideoList: make([]*apiv1.Video, 30)}}
	for i := range r.answer.(*apiv1.GetFeedResponse).GetVideoList() {
		r.answer.(*apiv1.GetFeedResponse).VideoList[i] = &apiv1.Video{
			Id: 123456789012345, Title: "A day at the lake", PlayUrl: strings.Repeat("p", 60), CoverUrl: strings.Repeat("c", 60),
			Author: &apiv1.User{Id: 12345678, Name: "somebody", Avatar: strings.Repeat("a", 40), BackgroundImage: strings.Repeat("b", 40)},
		}
	}
	h, err := New(Servers{Feed: r, User: r, Video: r, Interaction: r, Relation: r, Message: r}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodGet, "/douyin/feed/?latest_time=1700000000&token=abc", nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(discard{http.Header{}}, req)
	}
}

// discard is a client that reads nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}
