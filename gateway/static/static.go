// Package static serves the files that are part of the gateway's program: the
// pictures of users who chose none, and the style of the player in frames of other
// sites.
package static

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"time"
)

// The paths of the files.
const (
	AvatarPath      = "/static/avatar.svg"
	BackgroundPath  = "/static/background.svg"
	PlayerStylePath = "/static/embed.css"
)

var (
	//go:embed avatar.svg
	avatar []byte
	//go:embed background.svg
	background []byte
	//go:embed embed.css
	playerStyle []byte
)

// MountPictures serves the pictures of users who chose none.
func MountPictures(mount func(pattern string, h http.Handler)) {
	mount("GET "+AvatarPath, handler("image/svg+xml", avatar))
	mount("GET "+BackgroundPath, handler("image/svg+xml", background))
}

// MountPlayerStyle serves the style of the player in frames.
func MountPlayerStyle(mount func(pattern string, h http.Handler)) {
	mount("GET "+PlayerStylePath, handler("text/css; charset=utf-8", playerStyle))
}

func handler(contentType string, body []byte) http.HandlerFunc {
	sum := sha256.Sum256(body)
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Set("Cache-Control", "public, max-age=86400")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("ETag", etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	}
}
