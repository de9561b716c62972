package rest

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"douyin.dev/gateway/gatewaytest"
	apiv1 "douyin.dev/gen/douyin/api/v1"
)

func TestLargeJSONIsCompressedOnRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.answer = &apiv1.GetFeedResponse{VideoList: []*apiv1.Video{{Title: strings.Repeat("long ", 1000)}}}
	plain := b.get("/douyin/feed")
	if plain.Header.Get("Content-Encoding") != "" || plain.Header.Get("Content-Length") == "" {
		t.Errorf("headers %v", plain.Header)
	}
	r := gatewaytest.Request(http.MethodGet, "/douyin/feed", nil)
	r.Header.Set("Accept-Encoding", "br, zstd, gzip")
	got := b.do(r)
	if got.Header.Get("Content-Encoding") != "gzip" || got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Vary") == "" {
		t.Fatalf("headers %v", got.Header)
	}
	z, err := gzip.NewReader(bytes.NewReader(got.Text))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(z)
	if err != nil || !bytes.Equal(body, plain.Text) {
		t.Errorf("%v, %d bytes against %d", err, len(body), len(plain.Text))
	}
}

func TestSmallJSONIsNotCompressed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := gatewaytest.Request(http.MethodGet, "/douyin/feed", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	if got := b.do(r); got.Header.Get("Content-Encoding") != "" {
		t.Errorf("headers %v", got.Header)
	}
}

// TestTheStreamIsNeverCompressedAndNotHeldBack reads an event while the
// handler is still at work.
func TestTheStreamIsNeverCompressedAndNotHeldBack(t *testing.T) {
	t.Parallel()
	read := make(chan struct{})
	stream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: after "+r.Form.Get("after")+"\n\n"+strings.Repeat(":\n", 1000))
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		select {
		case <-read:
		case <-r.Context().Done():
		}
	})
	b := setup(t, func(s *Servers, _ *Options) { s.Stream = stream })
	r := gatewaytest.Request(http.MethodGet, "/douyin/message/stream/?after=1e3&token=t", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	res, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	event := make([]byte, len("data: after 1000"))
	if _, err := io.ReadFull(res.Body, event); err != nil || string(event) != "data: after 1000" || res.Header.Get("Content-Encoding") != "" {
		t.Errorf("%v, %q, %v", err, event, res.Header)
	}
	close(read)
}

func TestCORS(t *testing.T) {
	t.Parallel()
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "answer") })
	const app, other = "https://app.test", "https://other.test"
	for _, tt := range []struct {
		name      string
		allow     []string
		origin    string
		preflight bool
		want      string
	}{
		{"listed", []string{app}, app, false, app},
		{"not listed", []string{app}, other, false, ""},
		{"no page", []string{app}, "", false, ""},
		{"any", []string{"*"}, other, false, other},
		{"preflight", []string{app}, app, true, app},
		{"refused preflight", []string{app}, other, true, ""},
		{"none configured", nil, app, true, ""},
	} {
		client := gatewaytest.Serve(t, CORS(tt.allow)(answer))
		method := http.MethodGet
		if tt.preflight {
			method = http.MethodOptions
		}
		r := gatewaytest.Request(method, "/douyin/feed/", nil)
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		if tt.preflight {
			r.Header.Set("Access-Control-Request-Method", "POST")
		}
		b := &bundle{t: t, client: client}
		got := b.do(r)
		if got.Header.Get("Access-Control-Allow-Origin") != tt.want || got.Header.Get("Access-Control-Allow-Credentials") != "" || got.Header.Get("Vary") != "Origin" {
			t.Errorf("%s: %v", tt.name, got.Header)
		}
		if tt.preflight != (got.StatusCode == http.StatusNoContent) {
			t.Errorf("%s: HTTP %d", tt.name, got.StatusCode)
		}
		if headers := got.Header.Get("Access-Control-Allow-Headers"); tt.preflight && (tt.want != "") != strings.Contains(headers, "Idempotency-Key") {
			t.Errorf("%s: allowed headers %q", tt.name, headers)
		}
	}
}

// A player in a page seeks and resumes, and must see where it is.
func TestCORSLetsPagesSeek(t *testing.T) {
	t.Parallel()
	b := &bundle{t: t, client: gatewaytest.Serve(t, CORS([]string{"*"})(http.NotFoundHandler()))}
	r := gatewaytest.Request(http.MethodOptions, "/media/videos/1/original.mp4", nil)
	r.Header.Set("Origin", "https://app.test")
	r.Header.Set("Access-Control-Request-Method", http.MethodHead)
	r.Header.Set("Access-Control-Request-Headers", "range,if-range,if-none-match")
	preflight := b.do(r)
	for header, names := range map[string][]string{
		"Access-Control-Allow-Headers": {"Range", "If-Range", "If-None-Match"},
		"Access-Control-Allow-Methods": {"GET", "HEAD", "POST"},
	} {
		for _, name := range names {
			if !slices.Contains(strings.Split(preflight.Header.Get(header), ", "), name) {
				t.Errorf("%s: %q lacks %s", header, preflight.Header.Get(header), name)
			}
		}
	}
	r = gatewaytest.Request(http.MethodGet, "/media/videos/1/original.mp4", nil)
	r.Header.Set("Origin", "https://app.test")
	exposed := strings.Split(b.do(r).Header.Get("Access-Control-Expose-Headers"), ", ")
	for _, name := range []string{"Content-Range", "Accept-Ranges", "ETag", "Content-Length", "Retry-After"} {
		if !slices.Contains(exposed, name) {
			t.Errorf("%q lacks %s", exposed, name)
		}
	}
}

// When an answer has begun, its client can only be cut off; the log must say why.
func TestAPanicInTheMiddleOfAnAnswerIsLogged(t *testing.T) {
	t.Parallel()
	b := setup(t, func(s *Servers, _ *Options) {
		s.Stream = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "begun")
			_ = http.NewResponseController(w).Flush()
			panic("in the middle")
		})
	})
	res, err := b.client.Do(gatewaytest.Request(http.MethodGet, "/douyin/message/stream", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if body, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("the answer ended as if it were whole: %q", body)
	}
	if !strings.Contains(b.log.String(), "in the middle") {
		t.Errorf("the log says %q", b.log)
	}
}
