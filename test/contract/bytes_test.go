package contract_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"douyin.dev/test/harness"
)

// Rule 11.
func TestHeadIsAnsweredWhereGetIs(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	targets := []string{"/ping", "/openapi.json", "/docs", "/douyin/feed/", "/douyin/comment/list/?video_id=" + text(s.video.ID), "/douyin/message/stream/?token=" + s.reader.token}
	for _, address := range []string{s.video.PlayURL, s.video.CoverURL, s.video.Author.Avatar} {
		parsed, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		targets = append(targets, parsed.Path)
	}
	for _, target := range targets {
		if answer := fetch(t, http.MethodHead, platform.URL()+target, nil); answer.HTTP != http.StatusOK || len(answer.Body) > 0 || answer.Header.Get("Content-Type") == "" {
			t.Errorf("%s: HTTP %d, %v", target, answer.HTTP, answer.Header)
		}
	}
}

func TestPlaybackIsConditional(t *testing.T) {
	t.Parallel()
	address := theStage(t).video.PlayURL
	whole := fetch(t, get, address, nil)
	size, etag, modified := len(whole.Body), whole.Header.Get("ETag"), whole.Header.Get("Last-Modified")
	if etag == "" || modified == "" || whole.Header.Get("Accept-Ranges") != "bytes" {
		t.Fatalf("headers %v", whole.Header)
	}
	beyond := fetch(t, get, address, http.Header{"Range": {fmt.Sprintf("bytes=%d-", size)}})
	if place := beyond.Header.Get("Content-Range"); beyond.HTTP != http.StatusRequestedRangeNotSatisfiable || place != fmt.Sprintf("bytes */%d", size) {
		t.Errorf("beyond the end: HTTP %d, Content-Range %q", beyond.HTTP, place)
	}
	for name, c := range map[string]struct {
		header http.Header
		status int
		bytes  int
	}{
		"ETag is known":      {http.Header{"If-None-Match": {etag}}, http.StatusNotModified, 0},
		"date is known":      {http.Header{"If-Modified-Since": {modified}}, http.StatusNotModified, 0},
		"another ETag":       {http.Header{"If-None-Match": {`"x"`}}, http.StatusOK, size},
		"resumed":            {http.Header{"Range": {"bytes=10-19"}, "If-Range": {etag}}, http.StatusPartialContent, 10},
		"resumed of another": {http.Header{"Range": {"bytes=10-19"}, "If-Range": {`"x"`}}, http.StatusOK, size},
		"several ranges":     {http.Header{"Range": {"bytes=0-1,4-5"}}, http.StatusOK, size},
	} {
		if answer := fetch(t, get, address, c.header); answer.HTTP != c.status || len(answer.Body) != c.bytes {
			t.Errorf("%s: HTTP %d, %d bytes", name, answer.HTTP, len(answer.Body))
		}
	}
}

func TestPagesOfOtherOriginsMaySeek(t *testing.T) {
	t.Parallel()
	address := theStage(t).video.PlayURL
	preflight := fetch(t, http.MethodOptions, address, http.Header{
		"Origin": {origin()}, "Access-Control-Request-Method": {get}, "Access-Control-Request-Headers": {"if-none-match,if-range,range"},
	})
	names := strings.Split(strings.ToLower(preflight.Header.Get("Access-Control-Allow-Headers")), ", ")
	exposed := strings.Split(fetch(t, get, address, http.Header{"Origin": {origin()}}).Header.Get("Access-Control-Expose-Headers"), ", ")
	for _, name := range []string{"range", "if-range", "if-none-match"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not allowed: %q", name, names)
		}
	}
	for _, name := range []string{"Content-Range", "Accept-Ranges", "ETag", "Content-Length"} {
		if !slices.Contains(exposed, name) {
			t.Errorf("%s is not exposed: %q", name, exposed)
		}
	}
}

func TestGRPCWebTextIsNotSpoken(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"application/grpc-web-text", "application/grpc-web-text+proto"} {
		req, err := http.NewRequestWithContext(t.Context(), post, platform.URL()+"/douyin.api.v1.FeedService/GetFeed", strings.NewReader("AAAAAAA="))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", kind)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnsupportedMediaType || !strings.Contains(res.Header.Get("Accept-Post"), "application/grpc-web+proto") {
			t.Errorf("%s: HTTP %d, Accept-Post %q", kind, res.StatusCode, res.Header.Get("Accept-Post"))
		}
	}
}

// form is a multipart body as it is written here: the boundary is b.
func (p *person) form(t *testing.T, query string, parts ...string) *harness.Answer {
	t.Helper()
	var body strings.Builder
	for _, part := range parts {
		body.WriteString("--b\r\nContent-Disposition: form-data; " + part + "\r\n")
	}
	body.WriteString("--b--\r\n")
	req, err := http.NewRequestWithContext(t.Context(), post, platform.URL()+"/douyin/publish/action/?"+query, strings.NewReader(body.String()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	req.Header.Set("Authorization", "Bearer "+p.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := harness.ReadAnswer("/douyin/publish/action/", res)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestAFileCountsWhateverItsName(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	video := "\r\n\r\n" + string(drawn(t))
	for i, names := range []string{
		`name="data"`, `name="data"; filename=""`, `name="data"; filename="../../etc/passwd"`, "name=\"data\"; filename=\"a\x00.mp4\"",
		`name="data"; filename="` + strings.Repeat("n", 300) + `"`, "name=\"data\"; filename=\"\xff\xfe\"",
	} {
		title := fmt.Sprintf("name %d; of a file", i)
		// An empty file before it is passed over, and the title comes last.
		accepted(t, p.form(t, "", `name="data"; filename=""`+"\r\n\r\n", names+video, `name="title"`+"\r\n\r\n"+title))
		if got := p.published(t)[0].Title; got != title {
			t.Errorf("%q: the newest video is %q", names, got)
		}
	}
}

func TestTitlesAreReadAsAllParameters(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	video := `name="data"` + "\r\n\r\n" + string(drawn(t))
	for query, want := range map[string]string{"title=a;b&x;y=%": "a;b", "title=&title=first&title=second": "first", "": "two\nlines"} {
		accepted(t, p.form(t, query, `name="title"`+"\r\n\r\ntwo\r\nlines", video))
		if got := p.published(t)[0].Title; got != want {
			t.Errorf("%q: title %q, want %q", query, got, want)
		}
	}
	for _, answer := range []*harness.Answer{
		p.form(t, "title=%ff", video), p.form(t, "", `name="title"`+"\r\n\r\n\xff", video), p.form(t, "", video, `name="title"`+"\r\n\r\n\xff"),
	} {
		refused(t, answer, 40002)
		if !strings.Contains(answer.Message(), "title") {
			t.Errorf("the message does not name title: %s", answer)
		}
	}
	answer := anonymous().do(t, harness.Call{Path: "/douyin/user/register/", Header: http.Header{"Content-Type": {"application/json"}}, Raw: []byte("{\"username\":\"\xff\",\"password\":\"secret\"}")})
	refused(t, answer, 40002)
	if !strings.Contains(answer.Message(), "username") {
		t.Errorf("the message does not name username: %s", answer)
	}
}
