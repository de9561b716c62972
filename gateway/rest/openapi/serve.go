package openapi

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

//go:embed docs.html docs.css docs.js
var page embed.FS

// JSON serves the document.
func JSON(document []byte) http.Handler {
	sum := sha256.Sum256(document)
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "public, max-age=300")
		h.Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(document)))
		_, _ = w.Write(document) // a client that left needs no answer
	})
}

// Page serves the page that shows the document, at /docs, and what it is made
// of under /docs/. It loads nothing from elsewhere, and may not.
func Page() http.Handler {
	files := http.StripPrefix("/docs/", http.FileServerFS(page))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "public, max-age=300")
		if r.URL.Path == "/docs" || r.URL.Path == "/docs/" {
			http.ServeFileFS(w, r, page, "docs.html")
			return
		}
		files.ServeHTTP(w, r)
	})
}

// keys are the names of an object, in order.
func keys(o object) []string { return slices.Sorted(maps.Keys(o)) }
