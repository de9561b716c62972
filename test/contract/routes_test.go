package contract_test

import (
	"net/http"
	"strings"
	"testing"

	"douyin.dev/test/harness"
)

// access says what a path does without a good token.
type access int

const (
	open     access = iota // takes none
	optional               // goes on as anonymous
	required               // refuses with 10004
)

// param is a parameter with a value that the stage's reader may send any number of times.
type param struct {
	name, value string
	integer     bool
}

// route is a path of the table in the contract.
type route struct {
	method string
	path   string // without the slash at the end
	access access
	params []param
	// zero are the keys beyond the envelope and what they are on failure.
	zero map[string]string
	// spoil is a parameter and a value that makes the answer a failure; "" when none can.
	spoil [2]string
	// upload paths need a file part.
	upload bool
	// ends says that the call ends the caller's session.
	ends bool
}

func (r route) name() string {
	return strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(r.path, "/"), "douyin/"), "/", "_")
}

func id(name string, value int64) param { return param{name: name, value: text(value), integer: true} }

func word(name, value string) param { return param{name: name, value: value} }

func number(name, value string) param { return param{name: name, value: value, integer: true} }

const (
	get  = http.MethodGet
	post = http.MethodPost
)

// routes is every REST path with parameters that succeed. Each call of it
// makes new names for what must be unique.
func routes(t testing.TB) []route {
	t.Helper()
	s := theStage(t)
	session := map[string]string{"user_id": "0", "token": `""`}
	video, author, reader := id("video_id", s.video.ID), id("user_id", s.author.id), id("to_user_id", s.author.id)
	list := func(key string) map[string]string { return map[string]string{key: "[]"} }
	garbage := func(name string) [2]string { return [2]string{name, "garbage"} }
	return []route{
		{method: get, path: "/douyin/feed", access: optional, params: []param{number("latest_time", "1000000000000")}, zero: list("video_list")},
		{method: get, path: "/douyin/feed/following", access: required, params: []param{number("page_size", "2")}, zero: list("video_list"), spoil: garbage("page_token")},
		{method: post, path: "/douyin/user/register", access: open, params: []param{word("username", harness.Name("r")), word("password", "secret")}, zero: session, spoil: [2]string{"username", strings.Repeat("x", 33)}},
		{method: post, path: "/douyin/user/login", access: open, params: []param{word("username", s.reader.name), word("password", s.reader.password)}, zero: session, spoil: [2]string{"password", "wrong"}},
		{method: get, path: "/douyin/user", access: required, params: []param{author}, zero: map[string]string{"user": "null"}, spoil: garbage("user_id")},
		{method: post, path: "/douyin/user/profile", access: required, params: []param{word("signature", "hello")}, zero: map[string]string{"user": "null"}, spoil: [2]string{"signature", strings.Repeat("x", 201)}},
		{method: post, path: "/douyin/user/password", access: required, params: []param{word("old_password", s.reader.password), word("new_password", s.reader.password)}, zero: map[string]string{"token": `""`}, spoil: [2]string{"old_password", "wrong"}, ends: true},
		{method: post, path: "/douyin/user/logout", access: required, ends: true},
		{method: post, path: "/douyin/user/logout/everywhere", access: required, ends: true},
		{method: post, path: "/douyin/publish/action", access: required, params: []param{word("title", harness.Name("title"))}, spoil: [2]string{"title", strings.Repeat("x", 101)}, upload: true},
		{method: get, path: "/douyin/publish/list", access: optional, params: []param{author}, zero: list("video_list"), spoil: garbage("user_id")},
		{method: post, path: "/douyin/favorite/action", access: required, params: []param{video, number("action_type", "2")}, spoil: garbage("video_id")},
		{method: get, path: "/douyin/favorite/list", access: optional, params: []param{id("user_id", s.reader.id)}, zero: list("video_list"), spoil: garbage("user_id")},
		{method: post, path: "/douyin/comment/action", access: required, params: []param{id("video_id", s.crowded.ID), number("action_type", "1"), word("comment_text", "well said")}, zero: map[string]string{"comment": "null"}, spoil: garbage("video_id")},
		{method: get, path: "/douyin/comment/list", access: optional, params: []param{video}, zero: list("comment_list"), spoil: garbage("video_id")},
		{method: get, path: "/douyin/comment/count", access: optional, params: []param{video}, zero: map[string]string{"comment_count": "0"}, spoil: garbage("video_id")},
		{method: post, path: "/douyin/relation/action", access: required, params: []param{reader, number("action_type", "2")}, spoil: garbage("to_user_id")},
		{method: post, path: "/douyin/relation/follow", access: required, params: []param{id("to_user_id", s.crowd.id)}, spoil: garbage("to_user_id")},
		{method: post, path: "/douyin/relation/unfollow", access: required, params: []param{reader}, spoil: garbage("to_user_id")},
		{method: get, path: "/douyin/relation/follow/list", access: optional, params: []param{author}, zero: list("user_list"), spoil: garbage("user_id")},
		{method: get, path: "/douyin/relation/follower/list", access: optional, params: []param{author}, zero: list("user_list"), spoil: garbage("user_id")},
		{method: get, path: "/douyin/relation/friend/list", access: required, params: []param{author}, zero: list("user_list"), spoil: garbage("user_id")},
		{method: get, path: "/douyin/relation/follow/count", access: optional, params: []param{author}, zero: map[string]string{"count": "0"}, spoil: garbage("user_id")},
		{method: get, path: "/douyin/relation/follower/count", access: optional, params: []param{author}, zero: map[string]string{"count": "0"}, spoil: garbage("user_id")},
		{method: get, path: "/douyin/relation/isFollow", access: required, params: []param{reader}, zero: map[string]string{"result": "false"}, spoil: garbage("to_user_id")},
		{method: post, path: "/douyin/message/action", access: required, params: []param{id("to_user_id", s.crowd.id), number("action_type", "1"), word("content", "hi")}, spoil: garbage("to_user_id")},
		{method: get, path: "/douyin/message/chat", access: required, params: []param{reader, number("pre_msg_time", "1000000000000")}, zero: list("message_list"), spoil: garbage("to_user_id")},
	}
}

// place is where the parameters of a call travel.
type place string

const (
	inQuery     place = "query"
	inForm      place = "form"
	inMultipart place = "multipart"
	inJSON      place = "json"
)

func places() []place { return []place{inQuery, inForm, inMultipart, inJSON} }

// call builds a request of r with parameters in a place. A body makes it a POST.
func (r route) call(t testing.TB, where place, params ...param) harness.Call {
	t.Helper()
	call := harness.Call{Method: r.method, Path: r.path + "/"}
	if r.upload {
		where = inMultipart
	}
	switch where {
	case inQuery:
		call.Query = pairs(params)
	case inForm:
		call.Method, call.Form = post, pairs(params)
	case inMultipart:
		call.Method, call.Parts = post, []harness.Part{}
		for _, p := range params {
			call.Parts = append(call.Parts, harness.Part{Name: p.name, Content: []byte(p.value)})
		}
	case inJSON:
		call.Method = post
		body := map[string]any{}
		for _, p := range params {
			body[p.name] = p.value
		}
		call.JSON = body
	}
	if r.upload {
		call.Parts = append(call.Parts, harness.Part{Name: "data", FileName: "v.mp4", Content: drawn(t)})
	}
	return call
}

func pairs(params []param) (values map[string][]string) {
	values = map[string][]string{}
	for _, p := range params {
		values[p.name] = append(values[p.name], p.value)
	}
	return values
}

// with returns params with one of them replaced, or added.
func with(params []param, name, value string) []param {
	out := []param{}
	for _, p := range params {
		if p.name != name {
			out = append(out, p)
		}
	}
	return append(out, word(name, value))
}
