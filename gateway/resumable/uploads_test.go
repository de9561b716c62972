package resumable_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"douyin.dev/gateway/resumable"
	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/infratest"
)

const mib = 1 << 20

func TestMain(m *testing.M) { infratest.Main(m) }

type viewerKey struct{}

// gateways are gateways in front of one store and one Redis.
type gateways struct {
	store   *blob.Store
	uploads []*resumable.Uploads
	servers []*httptest.Server
	now     atomic.Int64 // added to the time
}

var errNotVideo = errors.New("not a video")

func newGateways(t *testing.T, n int) *gateways {
	t.Helper()
	store, err := blob.Open(t.Context(), infratest.S3(t))
	if err != nil {
		t.Fatal(err)
	}
	g := &gateways{store: store}
	redis, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{infratest.Redis(t)}, DisableCache: true, ForceSingleClient: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Close)
	for range n {
		u, err := resumable.New(resumable.Config{
			Store: store, Redis: redis, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), MaxBytes: 40 * mib,
			Now:     func() time.Time { return time.Now().Add(time.Duration(g.now.Load())) },
			Viewer:  func(ctx context.Context) int64 { v, _ := ctx.Value(viewerKey{}).(int64); return v },
			Refused: func(err error) bool { return errors.Is(err, errNotVideo) },
			BaseURL: func(context.Context) string { return "https://videos.example" },
		})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			viewer, _ := strconv.ParseInt(r.Header.Get("Viewer"), 10, 64)
			u.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), viewerKey{}, viewer)))
		}))
		t.Cleanup(server.Close)
		g.uploads, g.servers = append(g.uploads, u), append(g.servers, server)
	}
	return g
}

// ask makes a tus request at a gateway.
func (g *gateways) ask(t *testing.T, at int, viewer int64, method, path string, body io.Reader, pairs ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, g.servers[at].URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Tus-Resumable", "1.0.0")
	r.Header.Set("Viewer", strconv.FormatInt(viewer, 10))
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/offset+octet-stream")
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Header.Set(pairs[i], pairs[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(text))
	return res
}

// begin makes an upload and returns its path.
func (g *gateways) begin(t *testing.T, at int, viewer int64, size int) string {
	t.Helper()
	res := g.ask(t, at, viewer, http.MethodPost, resumable.Path, nil, "Upload-Length", strconv.Itoa(size))
	path, ok := strings.CutPrefix(res.Header.Get("Location"), "https://videos.example")
	if res.StatusCode != http.StatusCreated || !ok || !strings.HasPrefix(path, resumable.Path) || url.QueryEscape(idOf(path)) != idOf(path) {
		t.Fatalf("begin: HTTP %d, Location %q", res.StatusCode, res.Header.Get("Location"))
	}
	return path
}

// offset is how much of an upload has come.
func (g *gateways) offset(t *testing.T, at int, viewer int64, path string) int {
	t.Helper()
	res := g.ask(t, at, viewer, http.MethodHead, path, nil)
	n, err := strconv.Atoi(res.Header.Get("Upload-Offset"))
	if err != nil {
		t.Fatalf("HTTP %d, offset %q", res.StatusCode, res.Header.Get("Upload-Offset"))
	}
	return n
}

// objects are those of a viewer's uploads.
func (g *gateways) objects(t *testing.T, viewer int64) (keys []string) {
	t.Helper()
	for item, err := range g.store.List(t.Context(), fmt.Sprintf("uploads/%d-", viewer)) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, item.Key)
	}
	return keys
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b)
	return b
}

func idOf(path string) string { return strings.TrimPrefix(path, resumable.Path) }

// cut is a body that breaks off after some bytes.
type cut struct{ io.Reader }

func (c cut) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = errors.New("the connection is lost")
	}
	return n, err
}

// The client loses its connection in the middle of a piece, again and again, and
// goes on at another gateway each time.
func TestAnUploadGoesOnAtAnotherGateway(t *testing.T) {
	t.Parallel()
	const viewer = 101
	g := newGateways(t, 3)
	file := randomBytes(20*mib + 12345)
	path := g.begin(t, 0, viewer, len(file))
	for i, to := range []int{3 * mib, 11*mib + 1, 19 * mib, len(file)} {
		at := i % 3
		from := g.offset(t, at, viewer, path)
		var piece io.Reader = bytes.NewReader(file[from:to])
		if to < len(file) {
			piece = cut{piece}
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, g.servers[at].URL+path, piece)
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = int64(len(file) - from)
		r.Header.Set("Tus-Resumable", "1.0.0")
		r.Header.Set("Viewer", strconv.Itoa(viewer))
		r.Header.Set("Upload-Offset", strconv.Itoa(from))
		r.Header.Set("Content-Type", "application/offset+octet-stream")
		res, err := http.DefaultClient.Do(r)
		if to < len(file) {
			if err == nil {
				_ = res.Body.Close()
			}
			continue
		}
		if err != nil || res.StatusCode != http.StatusNoContent {
			t.Fatalf("the last piece: %v, %v", res, err)
		}
		_ = res.Body.Close()
	}
	var got []byte
	id, err := g.uploads[1].Publish(t.Context(), viewer, idOf(path), func(r io.Reader) (_ int64, err error) {
		got, err = io.ReadAll(r)
		return 42, err
	})
	if err != nil || id != 42 || !bytes.Equal(got, file) {
		t.Fatalf("video %d, %v, the same bytes: %v (%d of %d)", id, err, bytes.Equal(got, file), len(got), len(file))
	}
	// Asked again, also by another gateway, the answer is the same and nothing is published.
	id, err = g.uploads[2].Publish(t.Context(), viewer, idOf(path), func(io.Reader) (int64, error) {
		t.Error("published twice")
		return 43, nil
	})
	if err != nil || id != 42 {
		t.Errorf("again: video %d, %v", id, err)
	}
	if keys := g.objects(t, viewer); len(keys) != 1 {
		t.Errorf("left behind: %v", keys)
	}
}

// A gateway whose client is gone holds the upload until it notices. Another one
// that is asked for it does not wait that long.
func TestAnUploadIsHandedOverBetweenGateways(t *testing.T) {
	t.Parallel()
	const viewer = 102
	g := newGateways(t, 2)
	file := randomBytes(2 * mib)
	path := g.begin(t, 0, viewer, len(file))
	body, hold := io.Pipe()
	defer func() { _ = hold.Close() }()
	// A server asks for the body of a request that expects that when its handler reads
	// it, and so when this gateway has the lock.
	held, stuck := make(chan struct{}), make(chan struct{})
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { close(held) }})
	go func() {
		defer close(stuck)
		r, _ := http.NewRequestWithContext(ctx, http.MethodPatch, g.servers[0].URL+path, body)
		r.ContentLength = int64(len(file))
		r.Header.Set("Expect", "100-continue")
		r.Header.Set("Tus-Resumable", "1.0.0")
		r.Header.Set("Viewer", strconv.Itoa(viewer))
		r.Header.Set("Upload-Offset", "0")
		r.Header.Set("Content-Type", "application/offset+octet-stream")
		if res, err := http.DefaultClient.Do(r); err == nil {
			_ = res.Body.Close()
		}
	}()
	if _, err := hold.Write(file[:mib]); err != nil {
		t.Fatal(err)
	}
	<-held
	from := g.offset(t, 1, viewer, path) // asks for the lock
	res := g.ask(t, 1, viewer, http.MethodPatch, path, bytes.NewReader(file[from:]), "Upload-Offset", strconv.Itoa(from))
	if res.StatusCode != http.StatusNoContent {
		t.Fatalf("HTTP %d", res.StatusCode)
	}
	var got []byte
	_, err := g.uploads[0].Publish(t.Context(), viewer, idOf(path), func(r io.Reader) (_ int64, err error) {
		got, err = io.ReadAll(r)
		return 1, err
	})
	if err != nil || !bytes.Equal(got, file) {
		t.Errorf("%v, %d bytes of %d", err, len(got), len(file))
	}
	_ = hold.CloseWithError(io.ErrUnexpectedEOF)
	<-stuck
}

func TestWhatIsRefusedBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	g := newGateways(t, 1)
	kind := func(s string) string { return "filetype " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for name, tt := range map[string]struct {
		pairs []string
		want  int
	}{
		"too large":   {[]string{"Upload-Length", strconv.Itoa(40*mib + 1)}, http.StatusRequestEntityTooLarge},
		"as large":    {[]string{"Upload-Length", strconv.Itoa(40 * mib)}, http.StatusCreated},
		"empty":       {[]string{"Upload-Length", "0"}, http.StatusBadRequest},
		"no length":   {nil, http.StatusBadRequest},
		"later":       {[]string{"Upload-Defer-Length", "1"}, http.StatusNotImplemented},
		"no video":    {[]string{"Upload-Length", "10", "Upload-Metadata", kind("image/png")}, http.StatusUnsupportedMediaType},
		"a video":     {[]string{"Upload-Length", "10", "Upload-Metadata", kind("video/mp4")}, http.StatusCreated},
		"concatenate": {[]string{"Upload-Length", "10", "Upload-Concat", "partial"}, http.StatusCreated},
	} {
		if res := g.ask(t, 0, 5, http.MethodPost, resumable.Path, nil, tt.pairs...); res.StatusCode != tt.want {
			text, _ := io.ReadAll(res.Body)
			t.Errorf("%s: HTTP %d %s, want %d", name, res.StatusCode, text, tt.want)
		}
	}
}

func TestUploadsOfAUserAreFew(t *testing.T) {
	t.Parallel()
	g := newGateways(t, 1)
	var paths []string
	for range 5 {
		paths = append(paths, g.begin(t, 0, 12, 10))
	}
	more := func() int {
		return g.ask(t, 0, 12, http.MethodPost, resumable.Path, nil, "Upload-Length", "10").StatusCode
	}
	if got := more(); got != http.StatusTooManyRequests {
		t.Errorf("the sixth: HTTP %d", got)
	}
	g.begin(t, 0, 1, 10) // the id of another user begins with the same digit
	if res := g.ask(t, 0, 12, http.MethodDelete, paths[0], nil); res.StatusCode != http.StatusNoContent {
		t.Fatalf("delete: HTTP %d", res.StatusCode)
	}
	if got := more(); got != http.StatusCreated {
		t.Errorf("after one was deleted: HTTP %d", got)
	}
}

func TestUploadsOfOthersAreNotFound(t *testing.T) {
	t.Parallel()
	g := newGateways(t, 1)
	path := g.begin(t, 0, 7, 10)
	for _, method := range []string{http.MethodHead, http.MethodPatch, http.MethodDelete} {
		if res := g.ask(t, 0, 77, method, path, strings.NewReader("0123456789"), "Upload-Offset", "0"); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: HTTP %d", method, res.StatusCode)
		}
	}
	for name, id := range map[string]string{"another's": idOf(path), "none": "77-x.y", "empty": "", "a path": "77-/../videos/1"} {
		_, err := g.uploads[0].Publish(t.Context(), 77, id, nil)
		if f, ok := fault.As(err); !ok || len(f.Violations()) != 1 || f.Violations()[0].Field != "upload_id" {
			t.Errorf("publish %s: %v", name, err)
		}
	}
	if got := g.offset(t, 0, 7, path); got != 0 {
		t.Errorf("%d bytes came from another", got)
	}
}

func TestOnlyWhatIsRefusedForWhatItIsIsRemoved(t *testing.T) {
	t.Parallel()
	const viewer = 103
	g := newGateways(t, 1)
	path := g.begin(t, 0, viewer, 10)
	publish := func(err error) error {
		_, err = g.uploads[0].Publish(t.Context(), viewer, idOf(path), func(io.Reader) (int64, error) { return 0, err })
		return err
	}
	if err := publish(nil); err == nil || !strings.Contains(err.Error(), "0 of 10 bytes") {
		t.Errorf("not complete: %v", err)
	}
	g.ask(t, 0, viewer, http.MethodPatch, path, strings.NewReader("0123456789"), "Upload-Offset", "0")
	if err := publish(errors.New("try again")); err == nil || len(g.objects(t, viewer)) == 0 {
		t.Errorf("%v, objects %v", err, g.objects(t, viewer))
	}
	if err := publish(fmt.Errorf("published: %w", errNotVideo)); !errors.Is(err, errNotVideo) || len(g.objects(t, viewer)) != 0 {
		t.Errorf("%v, objects %v", err, g.objects(t, viewer))
	}
}

func TestWhatIsNotPublishedExpires(t *testing.T) {
	t.Parallel()
	const viewer = 104
	g := newGateways(t, 1)
	half, whole, done := g.begin(t, 0, viewer, 9*mib), g.begin(t, 0, viewer, 10), g.begin(t, 0, viewer, 10)
	g.ask(t, 0, viewer, http.MethodPatch, half, bytes.NewReader(randomBytes(8*mib+1)), "Upload-Offset", "0")
	for _, path := range []string{whole, done} {
		g.ask(t, 0, viewer, http.MethodPatch, path, strings.NewReader("0123456789"), "Upload-Offset", "0")
	}
	if _, err := g.uploads[0].Publish(t.Context(), viewer, idOf(done), func(io.Reader) (int64, error) { return 9, nil }); err != nil {
		t.Fatal(err)
	}
	before := len(g.objects(t, viewer))
	if err := g.uploads[0].Sweep(t.Context()); err != nil || len(g.objects(t, viewer)) != before {
		t.Errorf("young ones: %v, %v", err, g.objects(t, viewer))
	}
	g.now.Store(int64(resumable.Lifetime + time.Minute))
	if err := g.uploads[0].Sweep(t.Context()); err != nil || len(g.objects(t, viewer)) != 0 {
		t.Errorf("%v, left behind: %v", err, g.objects(t, viewer))
	}
	if res := g.ask(t, 0, viewer, http.MethodHead, half, nil); res.StatusCode != http.StatusNotFound {
		t.Errorf("HTTP %d", res.StatusCode)
	}
}
