package contract_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"douyin.dev/test/harness"
)

// origin is where a web client of another host comes from; what the platform
// is configured to let in.
func origin() string { return cmp.Or(os.Getenv("DOUYIN_ORIGIN"), "http://localhost:5173") }

func TestPingIs200(t *testing.T) {
	t.Parallel()
	answer, err := shared().Get(t.Context(), "/ping")
	if err != nil {
		t.Fatal(err)
	}
	if answer.HTTP != http.StatusOK {
		t.Errorf("want HTTP 200: %s", answer)
	}
}

// Rule 12.
func TestOptionsIsAnsweredOnEveryPath(t *testing.T) {
	t.Parallel()
	for _, r := range routes(t) {
		for _, slash := range []string{"", "/"} {
			answer, err := shared().Do(t.Context(), harness.Call{Method: http.MethodOptions, Path: r.path + slash, Header: http.Header{
				"Origin": {origin()}, "Access-Control-Request-Method": {r.method}, "Access-Control-Request-Headers": {"authorization,content-type"},
			}})
			if err != nil {
				t.Fatal(err)
			}
			if answer.HTTP/100 != 2 {
				t.Errorf("want HTTP 2xx: %s", answer)
			}
			allowed(t, answer)
			if methods := answer.Header.Get("Access-Control-Allow-Methods"); !strings.Contains(methods, r.method) && methods != "*" {
				t.Errorf("%s: %s is not among the allowed %q", r.path, r.method, methods)
			}
			if headers := strings.ToLower(answer.Header.Get("Access-Control-Allow-Headers")); !strings.Contains(headers, "authorization") {
				t.Errorf("%s: authorization is not among the allowed %q", r.path, headers)
			}
		}
	}
}

// Rule 12.
func TestAnswersMayBeReadByOtherOrigins(t *testing.T) {
	t.Parallel()
	header := http.Header{"Origin": {origin()}}
	allowed(t, anonymous().do(t, harness.Call{Path: "/douyin/feed/", Header: header}))
	allowed(t, anonymous().do(t, harness.Call{Path: "/douyin/user/", Header: header}))
}

func allowed(t *testing.T, a *harness.Answer) {
	t.Helper()
	if got := a.Header.Get("Access-Control-Allow-Origin"); got != "*" && got != origin() {
		t.Errorf("%s: Access-Control-Allow-Origin is %q", a.Path, got)
	}
}

// Rule 12.
func TestJSONIsCompressedOnlyOnRequest(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	for range 3 { // enough for an answer worth compressing
		s.crowd.comment(t, s.crowded.ID, strings.Repeat("long ", 100))
	}
	call := harness.Call{Path: "/douyin/comment/list/", Query: harness.Values("video_id", text(s.crowded.ID))}
	if plain := anonymous().do(t, call); plain.Header.Get("Content-Encoding") != "" {
		t.Errorf("compressed without being asked: %s", plain.Header)
	}
	call.Header = http.Header{"Accept-Encoding": {"gzip"}}
	answer, err := shared().Do(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	if got := answer.Header.Get("Content-Encoding"); got != "gzip" {
		t.Fatalf("Content-Encoding is %q, want gzip", got)
	}
	if !strings.Contains(strings.Join(answer.Header.Values("Vary"), ","), "Accept-Encoding") {
		t.Errorf("Vary is %q", answer.Header.Values("Vary"))
	}
	reader, err := gzip.NewReader(bytes.NewReader(answer.Body))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(reader)
	if err != nil || !json.Valid(body) {
		t.Errorf("not JSON inside: %v: %.100s", err, body)
	}
}

func TestAnswersForbidSniffing(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	for _, url := range []string{platform.URL() + "/douyin/feed/", s.video.PlayURL, s.video.CoverURL} {
		if got := fetch(t, get, url, nil).Header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s: X-Content-Type-Options is %q", url, got)
		}
	}
}

func TestAPIDescribesItself(t *testing.T) {
	t.Parallel()
	var document struct {
		OpenAPI string
		Swagger string
		Paths   map[string]map[string]any
	}
	answer := fetch(t, get, platform.URL()+"/openapi.json", nil)
	if err := json.Unmarshal(answer.Body, &document); err != nil {
		t.Fatal(err)
	}
	if document.OpenAPI == "" && document.Swagger == "" {
		t.Error("no version of the format")
	}
	for _, r := range routes(t) {
		operations := document.Paths[r.path]
		if operations == nil {
			operations = document.Paths[r.path+"/"]
		}
		if operations[strings.ToLower(r.method)] == nil {
			t.Errorf("%s %s is not described", r.method, r.path)
		}
	}
	docs := fetch(t, get, platform.URL()+"/docs", nil)
	if docs.HTTP != http.StatusOK || !strings.HasPrefix(docs.Header.Get("Content-Type"), "text/html") {
		t.Errorf("/docs answers HTTP %d %s", docs.HTTP, docs.Header.Get("Content-Type"))
	}
}

// fetch gets an absolute URL, following a redirect of /docs to its index.
func fetch(t *testing.T, method, url string, header http.Header) *harness.Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	if req.Header.Get("Accept-Encoding") == "" {
		req.Header.Set("Accept-Encoding", "identity")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return &harness.Answer{Path: url, HTTP: res.StatusCode, Header: res.Header, Body: body}
}
