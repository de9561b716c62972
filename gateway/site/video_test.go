package site

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	apiv1 "douyin.dev/gen/douyin/api/v1"
)

// hostileTitle tries to leave every place that a link's page puts it into.
const hostileTitle = "</script></title>\"><script>alert('1')</script>\r\n<!-- & \u202eevil\u2066 \x00 '\"`"

// linkServer is a site whose video 1000 has the title, as clients reach it.
func linkServer(t *testing.T, title string) *httptest.Server {
	t.Helper()
	return serve(t, library{user: &apiv1.User{Id: 100, Name: "somebody"}, title: title})
}

func getLink(t *testing.T, address string) (*http.Response, string) {
	t.Helper()
	res, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestALinkSaysWhatTheVideoIs(t *testing.T) {
	t.Parallel()
	server := linkServer(t, "A day at the lake")
	res, body := getLink(t, server.URL+"/v/1000")
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		t.Fatalf("%s, %s", res.Status, res.Header.Get("Content-Type"))
	}
	for _, want := range []string{
		"<title>A day at the lake · @somebody</title>",
		`<meta property="og:title" content="A day at the lake" />`,
		`<meta property="og:url" content="` + server.URL + `/v/1000" />`,
		`<meta property="og:video" content="` + server.URL + `/media/videos/1000/original.mp4" />`,
		`<meta property="og:image" content="` + server.URL + `/media/videos/1000/cover.jpg" />`,
		`<div id="root"></div>`, `<script type="module"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if strings.Count(body, "<title>") != 1 || strings.Count(body, `name="description"`) != 1 {
		t.Errorf("the page has two titles or descriptions:\n%s", body)
	}
	var object struct {
		Type      string `json:"@type"`
		Name      string `json:"name"`
		URL       string `json:"contentUrl"`
		Published string `json:"uploadDate"`
	}
	if err := json.Unmarshal([]byte(jsonLD(t, body)), &object); err != nil {
		t.Fatal(err)
	}
	if object.Type != "VideoObject" || object.Name != "A day at the lake" || object.Published != "2026-01-01T00:00:00Z" ||
		object.URL != server.URL+"/media/videos/1000/original.mp4" {
		t.Errorf("%+v", object)
	}
}

var ldScript = regexp.MustCompile(`(?s)<script type="application/ld\+json">(.*?)</script>`)

func jsonLD(t *testing.T, body string) string {
	t.Helper()
	found := ldScript.FindStringSubmatch(body)
	if found == nil {
		t.Fatalf("the page describes no object:\n%s", body)
	}
	return found[1]
}

func TestATitleIsTextWhereverALinkShowsIt(t *testing.T) {
	t.Parallel()
	server := linkServer(t, hostileTitle)
	_, watch := getLink(t, server.URL+"/v/1000")
	_, embed := getLink(t, server.URL+"/embed/1000")
	_, oembed := getLink(t, server.URL+"/oembed?url="+url.QueryEscape(server.URL+"/v/1000"))
	for name, body := range map[string]string{"page": watch, "player": embed, "oembed": oembed} {
		if strings.Contains(body, "<script>") || strings.Contains(body, "<!--") || strings.ContainsAny(body, "\u202e\u2066\x00\r") {
			t.Errorf("%s: the title is not text:\n%s", name, body)
		}
	}
	const shown = `</script></title>"><script>alert('1')</script> <!-- & evil '"` + "`"
	var object struct{ Name string }
	if err := json.Unmarshal([]byte(jsonLD(t, watch)), &object); err != nil || object.Name != shown {
		t.Errorf("JSON-LD: %v, %q", err, object.Name)
	}
	if !strings.Contains(html.UnescapeString(watch), "<title>"+shown+" · @somebody</title>") {
		t.Errorf("the page's title:\n%s", watch)
	}
	var answer oembedAnswer
	if err := json.Unmarshal([]byte(oembed), &answer); err != nil || answer.Title != shown || strings.Count(answer.HTML, "<") != 2 {
		t.Errorf("oembed: %v, %+v", err, answer)
	}
}

func TestALinkToNothingIsNotFound(t *testing.T) {
	t.Parallel()
	server := linkServer(t, "")
	for _, path := range []string{"/v/7", "/v/abc", "/v/-1", "/v/01000", "/v/99999999999999999999", "/embed/7", "/oembed?url=" + url.QueryEscape(server.URL+"/v/7"),
		"/oembed?url=https%3A%2F%2Fexample.com%2Fv%2F1000", "/oembed"} {
		res, body := getLink(t, server.URL+path)
		if res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, res.Status)
		}
		if strings.HasPrefix(path, "/v/") && !strings.Contains(body, `<div id="root"></div>`) {
			t.Errorf("%s: the web client is not there to say so", path)
		}
	}
	if res, _ := getLink(t, server.URL+"/oembed?format=xml&url="+url.QueryEscape(server.URL+"/v/1000")); res.StatusCode != http.StatusNotImplemented {
		t.Errorf("oembed as XML: %s", res.Status)
	}
}

func TestOnlyThePlayerMayBeFramed(t *testing.T) {
	t.Parallel()
	server := linkServer(t, "one")
	res, body := getLink(t, server.URL+"/embed/1000")
	if policy := res.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors *") || strings.Contains(policy, "script-src") || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("player: %s", policy)
	}
	_, css := getLink(t, server.URL+"/static/embed.css")
	if size := len(body) + len(css); size > 40_000 || !strings.Contains(css, "video") {
		t.Errorf("the player has %d bytes", size)
	}
	for _, path := range []string{"/v/1000", "/v/7"} {
		res, _ := getLink(t, server.URL+path)
		if policy := res.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: %s", path, policy)
		}
	}
}

func TestAFrameFitsItsBounds(t *testing.T) {
	t.Parallel()
	for bounds, want := range map[[2]string][2]int{
		{"", ""}: {360, 640}, {"180", ""}: {180, 320}, {"", "320"}: {180, 320}, {"1000", "64"}: {36, 64}, {"1", "1"}: {1, 1}, {"-5", "x"}: {360, 640},
	} {
		if w, h := frameSize(bounds[0], bounds[1]); [2]int{w, h} != want {
			t.Errorf("%v: %d by %d, want %v", bounds, w, h, want)
		}
	}
}
