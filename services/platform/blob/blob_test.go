package blob_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/embedded/s3"
)

// shared is the configuration of the gateway TestMain runs: there is one per
// process. Tests keep to prefixes of their own.
var shared blob.Config

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "blob")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	srv, err := s3.Start(context.Background(), s3.Options{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	shared = srv.Config()
	code := m.Run()
	ctx, cancel := context.WithTimeout(context.Background(), 12*time.Second)
	defer cancel()
	if err := srv.Stop(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func open(t *testing.T, cfg blob.Config) *blob.Store {
	t.Helper()
	store, err := blob.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func put(t *testing.T, store *blob.Store, key string, body []byte, contentType string) {
	t.Helper()
	if err := store.Put(t.Context(), key, bytes.NewReader(body), int64(len(body)), contentType); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, o *blob.Object) []byte {
	t.Helper()
	b, err := io.ReadAll(o.Body)
	if err = errors.Join(err, o.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

func chance(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

func TestWhatWasPutIsRead(t *testing.T) {
	t.Parallel()
	store := open(t, shared)
	for _, size := range []int{0, 1, 100_000, 9 << 20} {
		body := chance(size)
		key := fmt.Sprintf("whole/%d.mp4", size)
		put(t, store, key, body, "video/mp4")
		o, err := store.Get(t.Context(), key, "")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(read(t, o), body) {
			t.Errorf("%d bytes came back changed", size)
		}
		if o.Status != 200 || o.Size != int64(size) || o.ContentLength != int64(size) || o.ContentRange != "" ||
			o.ContentType != "video/mp4" || !strings.HasPrefix(o.ETag, `"`) || time.Since(o.LastModified) > time.Hour {
			t.Errorf("%+v", o)
		}
	}
}

func TestPutReplaces(t *testing.T) {
	t.Parallel()
	store := open(t, shared)
	put(t, store, "replace/1.jpg", []byte("old and long"), "image/png")
	put(t, store, "replace/1.jpg", []byte("new"), "image/jpeg")
	o, err := store.Get(t.Context(), "replace/1.jpg", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(read(t, o)); got != "new" || o.ContentType != "image/jpeg" {
		t.Errorf("%q %q", got, o.ContentType)
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	store := open(t, shared)
	body := "0123456789"
	put(t, store, "range/1.mp4", []byte(body), "video/mp4")
	for _, tc := range []struct {
		header string
		status int
		body   string
		place  string
	}{
		{"", 200, body, ""},
		{"bytes=0-0", 206, "0", "bytes 0-0/10"},
		{"bytes=2-4", 206, "234", "bytes 2-4/10"},
		{"bytes=7-", 206, "789", "bytes 7-9/10"},
		{"bytes=-3", 206, "789", "bytes 7-9/10"},
		{"bytes=-99", 206, body, "bytes 0-9/10"},
		{"bytes=5-99", 206, "56789", "bytes 5-9/10"},
		{"bytes=0-", 206, body, "bytes 0-9/10"},
		{"bytes=4-2", 200, body, ""},
		{"bytes=0-1,4-5", 200, body, ""},
		{"bytes=", 200, body, ""},
		{"lines=1-2", 200, body, ""},
		{"bytes=99999999999999999999-", 200, body, ""},
	} {
		o, err := store.Get(t.Context(), "range/1.mp4", tc.header)
		if err != nil {
			t.Errorf("%q: %v", tc.header, err)
			continue
		}
		if got := string(read(t, o)); got != tc.body || o.Status != tc.status || o.ContentRange != tc.place ||
			o.Size != 10 || o.ContentLength != int64(len(tc.body)) || !strings.HasPrefix(body[o.Offset:], tc.body) {
			t.Errorf("%q: %q %+v", tc.header, got, o)
		}
	}
	for _, header := range []string{"bytes=10-", "bytes=10-20", "bytes=-0"} {
		if _, err := store.Get(t.Context(), "range/1.mp4", header); !errors.Is(err, blob.ErrRange) || errors.Is(err, blob.ErrNotFound) {
			t.Errorf("%q: %v, want ErrRange", header, err)
		}
	}
}

func TestHeadDescribesTheWhole(t *testing.T) {
	t.Parallel()
	store := open(t, shared)
	put(t, store, "head/1.mp4", []byte("0123456789"), "video/mp4")
	whole, err := store.Get(t.Context(), "head/1.mp4", "")
	if err != nil {
		t.Fatal(err)
	}
	read(t, whole)
	whole.Body = nil
	got, err := store.Head(t.Context(), "head/1.mp4")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole, got); diff != "" {
		t.Errorf("(-get +head):\n%s", diff)
	}
}

func TestAMissingObjectIsToldApart(t *testing.T) {
	t.Parallel()
	store := open(t, shared)
	for _, header := range []string{"", "bytes=0-1"} {
		if _, err := store.Get(t.Context(), "missing/1.mp4", header); !errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrRange) {
			t.Errorf("%q: %v, want ErrNotFound", header, err)
		}
	}
	if _, err := store.Head(t.Context(), "missing/1.mp4"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("head: %v, want ErrNotFound", err)
	}
	cfg := shared
	cfg.Bucket = "no-such-bucket"
	if _, err := open(t, cfg).Get(t.Context(), "missing/1.mp4", ""); err == nil || errors.Is(err, blob.ErrNotFound) {
		t.Errorf("a missing bucket: %v", err)
	}
}

func TestMalformedKeysAreRefused(t *testing.T) {
	t.Parallel()
	store := open(t, shared)
	for _, key := range []string{
		"", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", ".hidden", "a/.hidden", "a b", "a\nb", "ü", "a?b", `a\b`,
		strings.Repeat("a", 513),
	} {
		if err := store.Put(t.Context(), key, strings.NewReader("x"), 1, "text/plain"); !errors.Is(err, blob.ErrKey) {
			t.Errorf("put %q: %v", key, err)
		}
		if _, err := store.Get(t.Context(), key, ""); !errors.Is(err, blob.ErrKey) {
			t.Errorf("get %q: %v", key, err)
		}
		if _, err := store.Head(t.Context(), key); !errors.Is(err, blob.ErrKey) {
			t.Errorf("head %q: %v", key, err)
		}
		if err := store.Delete(t.Context(), "a/ok", key); !errors.Is(err, blob.ErrKey) {
			t.Errorf("delete %q: %v", key, err)
		}
		if _, err := store.Presign(t.Context(), key, time.Minute); !errors.Is(err, blob.ErrKey) {
			t.Errorf("presign %q: %v", key, err)
		}
	}
	for _, err := range store.List(t.Context(), "../") {
		if !errors.Is(err, blob.ErrKey) {
			t.Errorf("list: %v", err)
		}
	}
}

func TestABodyOfAnotherSizeIsRefused(t *testing.T) {
	t.Parallel()
	store := open(t, shared)
	for _, size := range []int64{0, 3, 5} {
		if err := store.Put(t.Context(), "size/1.mp4", strings.NewReader("film"), size, "video/mp4"); err == nil {
			t.Errorf("size %d accepted", size)
		}
	}
	// What counts is what is left of the body.
	body := strings.NewReader("skip film")
	if _, err := body.Seek(5, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if err := store.Put(t.Context(), "size/2.mp4", body, 4, "video/mp4"); err != nil {
		t.Fatal(err)
	}
	o, err := store.Get(t.Context(), "size/2.mp4", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(read(t, o)); got != "film" {
		t.Errorf("got %q", got)
	}
}

// throughProxy returns the configuration with a proxy before the store.
func throughProxy(t *testing.T, change func(*http.Request)) blob.Config {
	t.Helper()
	target, err := url.Parse(shared.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
		change(r.Out)
	}})
	t.Cleanup(srv.Close)
	cfg := shared
	cfg.Endpoint = srv.URL
	return cfg
}

func TestBytesDamagedOnTheWayAreRefusedAndNotStored(t *testing.T) {
	t.Parallel()
	var checksum string
	cfg := throughProxy(t, func(r *http.Request) {
		if r.Method != http.MethodPut {
			return
		}
		checksum = r.Header.Get("X-Amz-Checksum-Sha256")
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		b[len(b)/2] ^= 1
		r.Body = io.NopCloser(bytes.NewReader(b))
	})
	store := open(t, cfg)
	if err := store.Put(t.Context(), "damaged/1.mp4", strings.NewReader("film"), 4, "video/mp4"); err == nil {
		t.Error("damaged bytes accepted")
	}
	if checksum == "" {
		t.Error("no checksum was sent")
	}
	if _, err := store.Get(t.Context(), "damaged/1.mp4", ""); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("stored all the same: %v", err)
	}
}

func TestDeleteRemovesAndForgivesWhatIsGone(t *testing.T) {
	t.Parallel()
	store := open(t, shared)
	put(t, store, "delete/1.mp4", []byte("a"), "video/mp4")
	put(t, store, "delete/2.mp4", []byte("b"), "video/mp4")
	if err := store.Delete(t.Context(), "delete/1.mp4", "delete/never.mp4"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"delete/2.mp4"}, keys(t, store, "delete/")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := store.Delete(t.Context(), "delete/1.mp4", "delete/2.mp4"); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(t.Context()); err != nil {
		t.Errorf("deleting nothing: %v", err)
	}
	if got := keys(t, store, "delete/"); got != nil {
		t.Errorf("left: %q", got)
	}
}

func keys(t *testing.T, store *blob.Store, prefix string) []string {
	t.Helper()
	var got []string
	for item, err := range store.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, item.Key)
	}
	return got
}

func TestListWalksAllPagesAndStopsWhenAsked(t *testing.T) {
	t.Parallel()
	store := open(t, shared)
	// More than the 1000 of a page, and as many deletions more than a batch.
	var want []string
	for i := range 1003 {
		key := fmt.Sprintf("list/%04d.jpg", i)
		put(t, store, key, []byte("x"), "image/jpeg")
		want = append(want, key)
	}
	put(t, store, "listen/1.jpg", []byte("x"), "image/jpeg")
	if diff := cmp.Diff(want, keys(t, store, "list/")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	n := 0
	for item, err := range store.List(t.Context(), "list/") {
		if err != nil || item.Size != 1 || item.LastModified.IsZero() {
			t.Fatalf("%+v %v", item, err)
		}
		if n++; n == 3 {
			break
		}
	}
	if err := store.Delete(t.Context(), want...); err != nil {
		t.Fatal(err)
	}
	if got := keys(t, store, "list/"); got != nil {
		t.Errorf("%d left", len(got))
	}
}

func TestASignedURLReadsOneObject(t *testing.T) {
	t.Parallel()
	store := open(t, shared)
	put(t, store, "presign/1.mp4", []byte("film"), "video/mp4")
	signed, err := store.Presign(t.Context(), "presign/1.mp4", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if status, body := fetch(t, signed); status != 200 || body != "film" {
		t.Errorf("%d %q", status, body)
	}
	plain, _, _ := strings.Cut(signed, "?")
	if status, _ := fetch(t, plain); status != 403 {
		t.Errorf("without the signature: %d", status)
	}
	if status, _ := fetch(t, strings.Replace(signed, "1.mp4", "2.mp4", 1)); status != 403 {
		t.Errorf("another object: %d", status)
	}
	for _, ttl := range []time.Duration{0, time.Second - 1, 7*24*time.Hour + 1} {
		if _, err := store.Presign(t.Context(), "presign/1.mp4", ttl); err == nil {
			t.Errorf("life of %v accepted", ttl)
		}
	}
}

func fetch(t *testing.T, address string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestEnsureBucketMakesItOnce(t *testing.T) {
	t.Parallel()
	cfg := shared
	cfg.Bucket = "second-" + strings.ToLower(rand.Text())
	store := open(t, cfg)
	if err := store.Put(t.Context(), "a/1.mp4", strings.NewReader("x"), 1, "video/mp4"); err == nil {
		t.Fatal("the bucket is there already")
	}
	for range 2 {
		if err := store.EnsureBucket(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	put(t, store, "a/1.mp4", []byte("x"), "video/mp4")
}

func TestAnIncompleteConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	for _, cfg := range []blob.Config{{}, {Bucket: "b", AccessKey: "a"}, {Bucket: "b", SecretKey: "s"}} {
		if _, err := blob.Open(t.Context(), cfg); err == nil {
			t.Errorf("%+v accepted", cfg)
		}
	}
}
