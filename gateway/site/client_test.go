package site

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"douyin.dev/gen/web"
)

const testIndex = "<!doctype html><title>page</title>"

// testPage is a small web client in front of an API that answers 404.
func testPage(t *testing.T, publicURL string) http.Handler {
	t.Helper()
	files := fstest.MapFS{
		"index.html":           {Data: []byte(testIndex)},
		"icon.svg":             {Data: []byte("<svg/>")},
		"manifest.webmanifest": {Data: []byte("{}")},
		"assets/app-1a2b.js":   {Data: []byte(strings.Repeat("let a = 1;\n", 200))},
	}
	s, err := New(Deps{Files: files, PublicURL: publicURL})
	if err != nil {
		t.Fatal(err)
	}
	asItIs := func(h http.Handler) http.Handler { return h }
	return s.Handler(asItIs, asItIs, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
	}))
}

func askPage(h http.Handler, method, path string, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

const asBrowser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

func TestTheWebClientAnswersBrowsersAndTheAPIEverybodyElse(t *testing.T) {
	t.Parallel()
	h := testPage(t, "")
	for _, c := range []struct{ method, path, accept, contentType string }{
		{"GET", "/", asBrowser, "text/html; charset=utf-8"},
		{"HEAD", "/", asBrowser, "text/html; charset=utf-8"},
		{"GET", "/v/123", asBrowser, "text/html; charset=utf-8"},
		{"GET", "/search?q=cats", asBrowser, "text/html; charset=utf-8"},
		{"GET", "/t/%E7%8C%AB", asBrowser, "text/html; charset=utf-8"},
		{"GET", "/icon.svg", "image/*", "image/svg+xml"},
		{"GET", "/manifest.webmanifest", "*/*", "application/manifest+json"},
		{"GET", "/assets/app-1a2b.js", "*/*", "text/javascript; charset=utf-8"},
		{"GET", "/", "application/json", "application/json"},
		{"GET", "/", "*/*", "application/json"},
		{"POST", "/", asBrowser, "application/json"},
		{"GET", "/douyin/feed/", asBrowser, "application/json"},
		{"GET", "/ping", asBrowser, "application/json"},
		{"GET", "/docs", asBrowser, "application/json"},
		{"GET", "/openapi.json", asBrowser, "application/json"},
		{"GET", "/assets/app-old.js", asBrowser, "application/json"},
	} {
		res := askPage(h, c.method, c.path, "Accept", c.accept)
		if got := res.Header.Get("Content-Type"); got != c.contentType {
			t.Errorf("%s %s for %q: %s, want %s", c.method, c.path, c.accept, got, c.contentType)
		}
	}
}

func TestPagesAreAskedForAgainAndAssetsAreKept(t *testing.T) {
	t.Parallel()
	h := testPage(t, "")
	index := askPage(h, "GET", "/", "Accept", asBrowser)
	if got := index.Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("index: Cache-Control %q", got)
	}
	if got := askPage(h, "GET", "/", "Accept", asBrowser, "If-None-Match", index.Header.Get("ETag")); got.StatusCode != http.StatusNotModified {
		t.Errorf("index, known: %d", got.StatusCode)
	}
	asset := askPage(h, "GET", "/assets/app-1a2b.js", "Accept-Encoding", "gzip")
	if got := asset.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("asset: Cache-Control %q", got)
	}
	z, err := gzip.NewReader(asset.Body)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(z); err != nil || !strings.HasPrefix(string(body), "let a") {
		t.Errorf("asset: %v, %.20q", err, body)
	}
}

func TestThePageLoadsFromItsOwnOriginAndTheMediasOnly(t *testing.T) {
	t.Parallel()
	for public, want := range map[string][]string{
		"":                               {"media-src blob: 'self';", "connect-src 'self';"},
		"https://media.example.com/path": {"media-src blob: 'self' https://media.example.com;", "connect-src 'self' https://media.example.com;"},
	} {
		policy := askPage(testPage(t, public), "GET", "/", "Accept", asBrowser).Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, want[0]) || !strings.Contains(policy, want[1]) || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") {
			t.Errorf("public URL %q: %s", public, policy)
		}
	}
}

// The built page holds no inline script and no inline style: its own policy
// would refuse them.
func TestTheBuiltPageFitsItsPolicy(t *testing.T) {
	t.Parallel()
	index, err := web.Files.ReadFile("index.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range strings.SplitAfter(string(index), "<script")[1:] {
		if tag, _, _ := strings.Cut(piece, ">"); !strings.Contains(tag, "src=") {
			t.Errorf("inline script: %s", tag)
		}
	}
	if strings.Contains(string(index), "<style") || strings.Contains(string(index), "style=") {
		t.Error("index.html has inline styles")
	}
}
