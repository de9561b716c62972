package harness_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/test/harness"
)

func serve(t *testing.T, body string) *harness.Answer {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	answer, err := harness.NewClient(server.URL).Get(t.Context(), "/douyin/feed")
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestLintAcceptsACorrectAnswer(t *testing.T) {
	t.Parallel()
	answer := serve(t, `{"status_code":0,"status_msg":"","comment_list":[{"id":7,"user":`+user+`,"content":"hi","create_date":"11-23"}]}`)
	if diff := cmp.Diff([]string(nil), harness.Lint(answer)); diff != "" {
		t.Error(diff)
	}
}

func TestLintFindsWhatClientsCannotRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, body, want string }{
		{"StringForANumber", `{"status_code":0,"status_msg":"","user_id":"12"}`, `answer.user_id is the string "12"`},
		{"StringStatusCode", `{"status_code":"0","status_msg":""}`, "status_code is 0"},
		{"UnknownStatusCode", `{"status_code":7,"status_msg":""}`, "status_code is 7"},
		{"NullMessage", `{"status_code":0,"status_msg":null}`, "status_msg is <nil>, not a string"},
		{"NullList", `{"status_code":0,"status_msg":"","video_list":null}`, "answer.video_list is null"},
		{"LargeID", `{"status_code":0,"status_msg":"","user_id":9007199254740992}`, "answer.user_id is 9007199254740992, not an integer in [0, 2^53)"},
		{"NegativeCount", `{"status_code":0,"status_msg":"","comment_count":-1}`, "answer.comment_count is -1, not an integer in [0, 2^53)"},
		{"Exponent", `{"status_code":0,"status_msg":"","comment_count":1e3}`, "answer.comment_count is 1e3, not an integer in [0, 2^53)"},
		{"NumberForAFlag", `{"status_code":0,"status_msg":"","result":1}`, "answer.result is a number"},
		{"MissingKey", `{"status_code":0,"status_msg":"","comment":{"id":1,"user":` + user + `,"content":""}}`, "answer.comment lacks create_date"},
		{"MissingKeyInside", `{"status_code":0,"status_msg":"","user":{"id":1}}`, "answer.user lacks is_follow"},
		{"RelativeURL", `{"status_code":0,"status_msg":"","user":` + strings.Replace(user, "http://h/a", "/a", 1) + `}`, `answer.user.avatar is "/a", not an absolute URL`},
		{"Internal", `{"status_code":50001,"status_msg":"dial tcp 10.0.0.1"}`, `status_msg says something internal: "dial tcp 10.0.0.1"`},
		{"PlainText", `oops`, "body is no JSON object"},
		{"WrongHTTPStatus", `{"status_code":40001,"status_msg":""}`, "HTTP status 200 with status_code 40001"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			found := harness.Lint(serve(t, c.body))
			if !strings.Contains(strings.Join(found, "\n"), c.want) {
				t.Errorf("found %q, want %q", found, c.want)
			}
		})
	}
}

func TestCallsReachTheServerInEveryForm(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseMultipartForm(1 << 20)
		_, _ = w.Write([]byte(r.Method + " " + r.Form.Encode() + " " + strings.Split(r.Header.Get("Content-Type"), ";")[0]))
	}))
	t.Cleanup(server.Close)
	client := harness.NewClient(server.URL).WithToken("secret")
	values := harness.Values("a", "1")
	for want, call := range map[string]harness.Call{
		"GET a=1&token=secret ":                                   {Query: values},
		"POST a=1&token=secret application/x-www-form-urlencoded": {Form: values},
		"POST a=1&token=secret multipart/form-data":               {Parts: []harness.Part{{Name: "a", Content: []byte("1")}}},
		"POST token=secret application/json":                      {JSON: map[string]any{"a": 1}},
		"PUT token=secret ":                                       {Method: http.MethodPut},
	} {
		call.Path = "/"
		answer, err := client.Do(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(answer.Body); got != want {
			t.Errorf("server saw %q, want %q", got, want)
		}
	}
}

func TestNobodyListeningIsNotSent(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := harness.NewClient(server.URL).Get(t.Context(), "/")
	if !harness.NotSent(err) {
		t.Errorf("got %v, want a dial error", err)
	}
}

const user = `{"id":1,"name":"n","follow_count":0,"follower_count":0,"is_follow":false,"avatar":"http://h/a",` +
	`"background_image":"http://h/b","signature":"","total_favorited":0,"work_count":0,"favorite_count":0}`
