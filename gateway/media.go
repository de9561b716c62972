package gateway

import (
	_ "embed"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"

	"douyin.dev/services/platform/blob"
)

const (
	mediaPrefix           = "/media/"
	defaultAvatarPath     = "/static/avatar.svg"
	defaultBackgroundPath = "/static/background.svg"
)

// The pictures of users who chose none.
var (
	//go:embed static/avatar.svg
	avatarSVG []byte
	//go:embed static/background.svg
	backgroundSVG []byte
)

// publicObject is what of the object store anyone may read: the files of
// videos. Media types are fixed by the name we chose, never by what was sent.
var publicObject = regexp.MustCompile(`^videos/[0-9]+/[a-z0-9_./-]+\.(mp4|jpg|png|m3u8|ts|m4s)$`)

var mediaTypes = map[string]string{
	"mp4": "video/mp4", "jpg": "image/jpeg", "png": "image/png",
	"m3u8": "application/vnd.apple.mpegurl", "ts": "video/mp2t", "m4s": "video/iso.segment",
}

// media serves videos and covers from the object store, with Range.
func (g *Gateway) media(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	match := publicObject.FindStringSubmatch(key)
	if match == nil {
		http.NotFound(w, r)
		return
	}
	object, err := g.Media.Get(r.Context(), key, r.Header.Get("Range"))
	switch {
	case errors.Is(err, blob.ErrNotFound):
		http.NotFound(w, r)
		return
	case errors.Is(err, blob.ErrRange):
		http.Error(w, "no such range", http.StatusRequestedRangeNotSatisfiable)
		return
	case err != nil:
		g.Log.WarnContext(r.Context(), "media not readable now", "key", key, "error", err)
		w.Header().Set("Retry-After", "1")
		http.Error(w, "temporarily unavailable", http.StatusServiceUnavailable)
		return
	}
	defer object.Body.Close()
	h := w.Header()
	h.Set("Content-Type", mediaTypes[match[1]])
	h.Set("Content-Length", strconv.FormatInt(object.ContentLength, 10))
	h.Set("Accept-Ranges", "bytes")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	if object.ETag != "" {
		h.Set("ETag", object.ETag)
	}
	if object.ContentRange != "" {
		h.Set("Content-Range", object.ContentRange)
	}
	w.WriteHeader(object.Status)
	if r.Method == http.MethodHead {
		return
	}
	if _, err := io.Copy(w, object.Body); err != nil && r.Context().Err() == nil {
		g.Log.WarnContext(r.Context(), "media ended early", "key", key, "error", err)
	}
}

func static(contentType string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "public, max-age=86400")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(body)
	}
}
