package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"douyin.dev/services/platform/blob"
)

// mediaPrefix begins the path of a file of the object store.
const mediaPrefix = "/media/"

// publicObject is what of the object store clients may read: the files of
// videos. Media types are fixed by the name we chose, never by what was sent.
var publicObject = regexp.MustCompile(`^videos/([0-9]{1,16})/[a-z0-9_./-]+\.(mp4|jpg|png|m3u8|ts|m4s)$`)

var mediaTypes = map[string]string{
	"mp4": "video/mp4", "jpg": "image/jpeg", "png": "image/png",
	"m3u8": "application/vnd.apple.mpegurl", "ts": "video/mp2t", "m4s": "video/iso.segment",
}

// emptySuffix asks for the last 0 bytes, which http.ServeContent answers with a
// part that ends before it begins.
var emptySuffix = regexp.MustCompile(`^bytes=-0+$`)

// servesRange reports whether a Range is answered as a part (206) or refused
// (416). Any other, one for several parts included, is answered with the whole
// object, as RFC 9110 section 14.2 allows.
func servesRange(asked string) bool {
	return blob.SingleRange(asked) && !emptySuffix.MatchString(asked)
}

// media serves videos and covers from the object store. http.ServeContent
// decides what of an object is sent: ranges, conditions and HEAD. A request
// costs one look at the video, and one call to the store; a second one only when a condition did not hold
// or a range lies outside of the object.
func (g *Gateway) media(w http.ResponseWriter, r *http.Request) {
	access := mediaAccessOf(r.PathValue("key"))
	key := access.key
	match := publicObject.FindStringSubmatch(key)
	if match == nil {
		http.NotFound(w, r)
		return
	}
	id, _ := strconv.ParseInt(match[1], 10, 64) // digits, and few
	video, err := g.admits(r.Context(), access, id)
	if err == nil && video == nil {
		err = blob.ErrNotFound
	}
	if err != nil {
		g.mediaFailed(w, r, key, err)
		return
	}
	if asked := r.Header.Get("Range"); asked != "" && (r.Method == http.MethodHead || !servesRange(asked)) {
		r = withoutRange(r)
	}
	o := &objectReader{ctx: r.Context(), store: g.Media, key: key}
	defer o.Close()
	if err := o.open(r); err != nil {
		g.mediaFailed(w, r, key, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", mediaTypes[match[2]])
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	if video.GetRestricted() {
		h.Set("Cache-Control", "private, max-age=3600")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	if o.etag != "" {
		h.Set("ETag", o.etag)
	}
	http.ServeContent(w, r, "", o.modified, o)
	if o.failed != nil && r.Context().Err() == nil {
		g.Log.WarnContext(r.Context(), "media ended early", "key", key, "error", o.failed)
		panic(http.ErrAbortHandler) // the client must not take what it got for the whole
	}
}

// mediaFailed answers for an object that could not be opened.
func (g *Gateway) mediaFailed(w http.ResponseWriter, r *http.Request, key string, err error) {
	if errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrKey) {
		http.NotFound(w, r)
		return
	}
	if r.Context().Err() == nil { // otherwise the client left
		g.Log.WarnContext(r.Context(), "media not readable now", "key", key, "error", err)
	}
	w.Header().Set("Retry-After", "1")
	http.Error(w, "temporarily unavailable", http.StatusServiceUnavailable)
}

func withoutRange(r *http.Request) *http.Request {
	out := *r
	out.Header = r.Header.Clone()
	out.Header.Del("Range")
	return &out
}

// objectReader is an object of the store as http.ServeContent reads it. It is
// for one goroutine.
type objectReader struct {
	ctx   context.Context // of the request, for Read takes none
	store *blob.Store
	key   string

	size     int64
	etag     string
	modified time.Time

	body   io.ReadCloser // nil until bytes are needed
	bodyAt int64         // where in the object body is
	at     int64         // where the next Read begins
	failed error         // what the store could not read
}

// open asks the store for the object: for the bytes that r wants, or only for
// the header when the answer may have no bytes.
func (o *objectReader) open(r *http.Request) error {
	if r.Method == http.MethodHead || conditional(r.Header) {
		return o.head()
	}
	err := o.get(r.Header.Get("Range"))
	if errors.Is(err, blob.ErrRange) {
		return o.head() // for the size, which the answer names
	}
	return err
}

// conditional reports whether a request may be answered without bytes. One with
// If-Range is not.
func conditional(h http.Header) bool {
	for _, name := range [...]string{"If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since"} {
		if h.Get(name) != "" {
			return true
		}
	}
	return false
}

func (o *objectReader) head() error {
	found, err := o.store.Head(o.ctx, o.key)
	if err != nil {
		return err
	}
	o.describe(found)
	return nil
}

func (o *objectReader) get(asked string) error {
	found, err := o.store.Get(o.ctx, o.key, asked)
	if err != nil {
		return err
	}
	o.describe(found)
	o.body, o.bodyAt = found.Body, found.Offset
	return nil
}

func (o *objectReader) describe(found *blob.Object) {
	o.size, o.etag, o.modified = found.Size, found.ETag, found.LastModified
}

// Read reads on from where Seek went. It asks the store again when its bytes
// begin elsewhere.
func (o *objectReader) Read(p []byte) (int, error) {
	if o.body == nil || o.bodyAt != o.at {
		if err := o.reopen(); err != nil {
			o.failed = err
			return 0, err
		}
	}
	n, err := o.body.Read(p)
	o.at += int64(n)
	o.bodyAt = o.at
	if err != nil && !errors.Is(err, io.EOF) {
		o.failed = err
	}
	return n, err
}

func (o *objectReader) reopen() error {
	size, etag := o.size, o.etag
	o.Close()
	if err := o.get(fmt.Sprintf("bytes=%d-", o.at)); err != nil {
		return err
	}
	if o.size != size || o.etag != etag {
		return errors.New("the object was replaced while it was read")
	}
	return nil
}

// Seek implements io.Seeker. It asks nobody.
func (o *objectReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning of an object")
	}
	o.at = offset
	return offset, nil
}

// Close ends the reading. What is left of the body is not read.
func (o *objectReader) Close() {
	if o.body != nil {
		_ = o.body.Close()
		o.body = nil
	}
}
