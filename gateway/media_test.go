package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/gateway/gatewaytest"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/gen/douyin/video/v1/videov1connect"
	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/infratest"
)

// mediaBench is the media handler in front of a real store that a proxy watches.
type mediaBench struct {
	*httpClient
	log      *bytes.Buffer
	key      string
	body     []byte
	etag     string
	modified string

	// The video of the object, and who may see it when it is restricted.
	videov1connect.VideoServiceClient
	video *videov1.Video
	mayBe int64

	mu    sync.Mutex
	calls []string // of the store since they were last looked at
	limit int64    // bytes of an answer after which the store breaks off; 0 for none
}

func newMediaBench(t *testing.T) *mediaBench {
	t.Helper()
	video := &videov1.Video{Id: rand.Int64N(1 << 53)}
	m := &mediaBench{video: video, key: fmt.Sprintf("videos/%d/original.mp4", video.GetId()), body: make([]byte, 300_000)}
	for i := range m.body {
		m.body[i] = byte(rand.IntN(256))
	}
	config := infratest.S3(t)
	target, err := url.Parse(config.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // it is signed
			m.mu.Lock()
			defer m.mu.Unlock()
			m.calls = append(m.calls, strings.TrimSpace(r.In.Method+" "+r.In.Header.Get("Range")))
		},
		ModifyResponse: func(r *http.Response) error {
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.limit > 0 {
				r.Body = struct {
					io.Reader
					io.Closer
				}{io.LimitReader(r.Body, m.limit), r.Body}
			}
			return nil
		},
	})
	t.Cleanup(proxy.Close)
	config.Endpoint = proxy.URL
	store, err := blob.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Put(t.Context(), m.key, bytes.NewReader(m.body), int64(len(m.body)), "video/mp4"); err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	g := New(Deps{Media: store, Now: time.Now, Video: m, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelInfo}))})
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+mediaPrefix+"{key...}", g.media)
	m.httpClient, m.log = serve(t, mux), log
	first := m.ask(http.MethodGet)
	m.etag, m.modified = first.Header.Get("ETag"), first.Header.Get("Last-Modified")
	m.asked()
	return m
}

// BatchGetVideos answers the one video there is.
func (m *mediaBench) BatchGetVideos(_ context.Context, req *videov1.BatchGetVideosRequest) (*videov1.BatchGetVideosResponse, error) {
	if !slices.Contains(req.GetIds(), m.video.GetId()) {
		return &videov1.BatchGetVideosResponse{}, nil
	}
	return &videov1.BatchGetVideosResponse{Videos: []*videov1.Video{m.video}}, nil
}

// BatchCheckVisible answers it to who may see it.
func (m *mediaBench) BatchCheckVisible(_ context.Context, req *videov1.BatchCheckVisibleRequest) (*videov1.BatchCheckVisibleResponse, error) {
	res := &videov1.BatchCheckVisibleResponse{}
	if req.GetViewerId() == m.mayBe {
		res.VisibleVideoIds = req.GetVideoIds()
	}
	return res, nil
}

// ask asks for the object with headers, given as name, value, name, value.
func (m *mediaBench) ask(method string, pairs ...string) gatewaytest.Reply {
	m.t.Helper()
	r := gatewaytest.Request(method, mediaPrefix+m.key, nil)
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Header.Set(pairs[i], pairs[i+1])
	}
	return m.do(r)
}

// asked returns what the store was asked since the last time.
func (m *mediaBench) asked() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	calls := m.calls
	m.calls = nil
	return calls
}

func TestMediaAnswersRangesAndConditions(t *testing.T) {
	t.Parallel()
	m := newMediaBench(t)
	size := len(m.body)
	rangeOf := func(from, to int) string { return fmt.Sprintf("bytes %d-%d/%d", from, to-1, size) }
	whole, none := "GET", []string(nil)
	if m.etag == "" || m.modified == "" {
		t.Fatalf("ETag %q, Last-Modified %q", m.etag, m.modified)
	}
	old := time.Unix(0, 0).UTC().Format(http.TimeFormat)
	for name, tt := range map[string]struct {
		method   string
		headers  []string
		status   int
		from, to int    // of the bytes
		place    string // Content-Range
		calls    []string
	}{
		"whole":                {"GET", none, 200, 0, size, "", []string{whole}},
		"range":                {"GET", []string{"Range", "bytes=100-199"}, 206, 100, 200, rangeOf(100, 200), []string{"GET bytes=100-199"}},
		"open range":           {"GET", []string{"Range", "bytes=1000-"}, 206, 1000, size, rangeOf(1000, size), []string{"GET bytes=1000-"}},
		"suffix":               {"GET", []string{"Range", "bytes=-50"}, 206, size - 50, size, rangeOf(size-50, size), []string{"GET bytes=-50"}},
		"longer suffix":        {"GET", []string{"Range", "bytes=-999999"}, 206, 0, size, rangeOf(0, size), []string{"GET bytes=-999999"}},
		"beyond the end":       {"GET", []string{"Range", "bytes=300000-"}, 416, 0, 0, "bytes */300000", []string{"GET bytes=300000-", "HEAD"}},
		"several ranges":       {"GET", []string{"Range", "bytes=0-9,20-29"}, 200, 0, size, "", []string{whole}},
		"backwards":            {"GET", []string{"Range", "bytes=9-0"}, 200, 0, size, "", []string{whole}},
		"nothing":              {"GET", []string{"Range", "bytes=-0"}, 200, 0, size, "", []string{whole}},
		"another unit":         {"GET", []string{"Range", "lines=1-2"}, 200, 0, size, "", []string{whole}},
		"head":                 {"HEAD", none, 200, 0, 0, "", []string{"HEAD"}},
		"head with a range":    {"HEAD", []string{"Range", "bytes=0-9"}, 200, 0, 0, "", []string{"HEAD"}},
		"known":                {"GET", []string{"If-None-Match", m.etag}, 304, 0, 0, "", []string{"HEAD"}},
		"known among others":   {"GET", []string{"If-None-Match", `"x", W/` + m.etag}, 304, 0, 0, "", []string{"HEAD"}},
		"known, any":           {"GET", []string{"If-None-Match", "*"}, 304, 0, 0, "", []string{"HEAD"}},
		"known, head":          {"HEAD", []string{"If-None-Match", m.etag}, 304, 0, 0, "", []string{"HEAD"}},
		"not known":            {"GET", []string{"If-None-Match", `"x"`}, 200, 0, size, "", []string{"HEAD", "GET bytes=0-"}},
		"not modified":         {"GET", []string{"If-Modified-Since", m.modified}, 304, 0, 0, "", []string{"HEAD"}},
		"modified":             {"GET", []string{"If-Modified-Since", old}, 200, 0, size, "", []string{"HEAD", "GET bytes=0-"}},
		"another was meant":    {"GET", []string{"If-Match", `"x"`}, 412, 0, 0, "", []string{"HEAD"}},
		"if range":             {"GET", []string{"Range", "bytes=5-9", "If-Range", m.etag}, 206, 5, 10, rangeOf(5, 10), []string{"GET bytes=5-9"}},
		"if range, by date":    {"GET", []string{"Range", "bytes=5-9", "If-Range", m.modified}, 206, 5, 10, rangeOf(5, 10), []string{"GET bytes=5-9"}},
		"if range, another":    {"GET", []string{"Range", "bytes=5-9", "If-Range", `"x"`}, 200, 0, size, "", []string{"GET bytes=5-9", "GET bytes=0-"}},
		"if range, beyond":     {"GET", []string{"Range", "bytes=300000-", "If-Range", `"x"`}, 200, 0, size, "", []string{"GET bytes=300000-", "HEAD", "GET bytes=0-"}},
		"if range, weak":       {"GET", []string{"Range", "bytes=5-9", "If-Range", "W/" + m.etag}, 200, 0, size, "", []string{"GET bytes=5-9", "GET bytes=0-"}},
		"if range, no range":   {"GET", []string{"If-Range", m.etag}, 200, 0, size, "", []string{whole}},
		"if range, of another": {"GET", []string{"Range", "bytes=5-9", "If-Range", old}, 200, 0, size, "", []string{"GET bytes=5-9", "GET bytes=0-"}},
	} {
		got := m.ask(tt.method, tt.headers...)
		if got.StatusCode != tt.status || got.Header.Get("Content-Range") != tt.place {
			t.Errorf("%s: HTTP %d, Content-Range %q", name, got.StatusCode, got.Header.Get("Content-Range"))
		}
		if tt.status < 300 && (!bytes.Equal(got.Text, m.body[tt.from:tt.to]) || got.Header.Get("Accept-Ranges") != "bytes" ||
			got.Header.Get("Content-Type") != "video/mp4" || got.Header.Get("Last-Modified") != m.modified) {
			t.Errorf("%s: %d bytes, headers %v", name, len(got.Text), got.Header)
		}
		if length := got.ContentLength; tt.method == "HEAD" && tt.status == 200 && length != int64(size) {
			t.Errorf("%s: Content-Length %d", name, length)
		}
		if tt.status < 400 && got.Header.Get("ETag") != m.etag {
			t.Errorf("%s: ETag %q", name, got.Header.Get("ETag"))
		}
		if diff := cmp.Diff(tt.calls, m.asked()); diff != "" {
			t.Errorf("%s: calls to the store (-want +got):\n%s", name, diff)
		}
	}
}

func TestMalformedMediaKeysAreNotFoundWithoutAskingTheStore(t *testing.T) {
	t.Parallel()
	m := newMediaBench(t)
	ask := func(key string) gatewaytest.Reply {
		r := gatewaytest.Request(http.MethodGet, mediaPrefix, nil)
		r.URL.Opaque = "//gateway.test" + mediaPrefix + strings.ReplaceAll(key, "/", "%2F") // the path as it is
		return m.do(r)
	}
	if got := ask(m.key); got.StatusCode != http.StatusOK || len(m.asked()) != 1 {
		t.Fatalf("a key that is well-formed: HTTP %d", got.StatusCode)
	}
	for _, key := range []string{
		"videos/1/../2/original.mp4", "videos/1//original.mp4", "videos/1/.hidden.mp4", "videos/1/a/./b.mp4", "videos/x/a.mp4", "videos/1/",
		"other/1/a.mp4", "videos/1/" + strings.Repeat("a", 600) + ".mp4", "videos/1/a%00.mp4", "videos/1/a%ff.mp4", "",
	} {
		if got := ask(key); got.StatusCode != http.StatusNotFound {
			t.Errorf("%q: HTTP %d", key, got.StatusCode)
		}
	}
	if calls := m.asked(); len(calls) > 0 {
		t.Errorf("the store was asked: %v", calls)
	}
	if m.log.Len() > 0 {
		t.Errorf("the log says %s", m.log)
	}
}

func TestADownloadThatTheStoreBreaksOffIsLoggedOnceAndNotTakenForWhole(t *testing.T) {
	t.Parallel()
	m := newMediaBench(t)
	m.mu.Lock()
	m.limit = 100_000
	m.mu.Unlock()
	res, err := m.client.Do(gatewaytest.Request(http.MethodGet, mediaPrefix+m.key, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("%d bytes ended as if they were whole", len(got))
	}
	m.client.CloseIdleConnections()
	if n := strings.Count(m.log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings: %s", n, m.log)
	}
}

// goneClient is a client that hung up: the connection refuses what is written,
// before the request's context ends.
type goneClient struct{ *httptest.ResponseRecorder }

func (goneClient) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestADownloadThatTheClientBreaksOffIsNotLogged(t *testing.T) {
	t.Parallel()
	m := newMediaBench(t)
	log := &bytes.Buffer{}
	g := New(Deps{Media: m.store(), Video: m, Now: time.Now, Log: slog.New(slog.NewTextHandler(log, nil))})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, mediaPrefix+m.key, nil)
	r.SetPathValue("key", m.key)
	g.media(goneClient{httptest.NewRecorder()}, r)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	g.media(goneClient{httptest.NewRecorder()}, r.WithContext(ctx))
	if log.Len() > 0 {
		t.Errorf("the log says %s", log)
	}
}

func (m *mediaBench) store() *blob.Store {
	m.t.Helper()
	store, err := blob.Open(m.t.Context(), infratest.S3(m.t))
	if err != nil {
		m.t.Fatal(err)
	}
	return store
}

// The files of a restricted video are for those it was answered to, as long as
// they may see it.
func TestRestrictedMediaIsForItsViewerAlone(t *testing.T) {
	t.Parallel()
	m := newMediaBench(t)
	m.video = &videov1.Video{Id: m.video.GetId(), Restricted: true, MediaSecret: []byte("secret")}
	m.mayBe = 7
	other := &videov1.Video{Id: m.video.GetId(), Restricted: true, MediaSecret: []byte("another")}
	now := time.Now()
	get := func(url string) (int, string) {
		answer := m.do(gatewaytest.Request(http.MethodGet, url, nil))
		return answer.StatusCode, answer.Header.Get("Cache-Control")
	}
	signed := mediaURL("", m.video, 7, now, m.key)
	if status, cache := get(signed); status != http.StatusOK || !strings.HasPrefix(cache, "private") {
		t.Errorf("as its viewer: %d %q", status, cache)
	}
	beside := strings.Replace(signed, m.key, fmt.Sprintf("videos/%d/nothing.m3u8", m.video.GetId()), 1)
	for name, url := range map[string]string{
		"not signed": mediaPrefix + m.key, "by another secret": mediaURL("", other, 7, now, m.key), "for who may not see it": mediaURL("", m.video, 8, now, m.key),
		"ended": mediaURL("", m.video, 7, now.Add(-14*time.Hour), m.key), "a file that is not there": beside,
		"for another viewer than it is signed for": strings.Replace(signed, "/as/7.", "/as/8.", 1),
		"for another video":                        strings.Replace(signed, fmt.Sprintf("videos/%d/", m.video.GetId()), "videos/1/", 1),
	} {
		if status, _ := get(url); status != http.StatusNotFound {
			t.Errorf("%s: %d", name, status)
		}
	}
	m.mayBe = 0
	if status, _ := get(signed); status != http.StatusNotFound {
		t.Errorf("as who may not see it any more: %d", status)
	}
	m.video = &videov1.Video{Id: m.video.GetId()}
	if status, cache := get(mediaPrefix + m.key); status != http.StatusOK || !strings.HasPrefix(cache, "public") {
		t.Errorf("when everybody may see it: %d %q", status, cache)
	}
	m.video = &videov1.Video{Id: 1}
	if status, _ := get(mediaPrefix + m.key); status != http.StatusNotFound {
		t.Errorf("when it is deleted: %d", status)
	}
}
