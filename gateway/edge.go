package gateway

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	connectcors "connectrpc.com/cors"
	"github.com/klauspost/compress/gzhttp"
)

// minCompressed is the smallest answer that is compressed, in bytes: below it
// the header of gzip and the work cost more than the packet saves.
const minCompressed = 1024

// compressJSON compresses JSON and nothing else. Media is compressed already,
// and a compressed event stream would arrive when its buffer is full.
func compressJSON() (func(http.Handler) http.HandlerFunc, error) {
	wrap, err := gzhttp.NewWrapper(
		gzhttp.ContentTypes([]string{jsonType}),
		gzhttp.MinSize(minCompressed),
		gzhttp.CompressionLevel(1), // a feed shrinks to a tenth at any level
		gzhttp.EnableZstd(false),
		gzhttp.SetContentType(false),
	)
	if err != nil {
		return nil, fmt.Errorf("set up compression: %w", err)
	}
	return wrap, nil
}

// securityHeaders sets what holds for every answer. Answers depend on the
// caller, so nothing may keep them; what may be kept says so itself.
func securityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// recovered turns a panic into an internal error. When the answer has begun it
// can only be broken off.
func (f *face) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		track := &begun{ResponseWriter: w}
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == any(http.ErrAbortHandler) || track.yes {
				panic(http.ErrAbortHandler)
			}
			f.logger.LogAttrs(r.Context(), slog.LevelError, "call panicked",
				slog.String("path", r.URL.Path), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			writeJSON(w, http.StatusOK, envelope(status{code: statusInternal, message: tellInternal}, f.shapeOf(r.URL.Path)))
		}()
		next.ServeHTTP(track, r)
	})
}

func (f *face) shapeOf(urlPath string) *endpoint {
	if p, ok := f.paths[trimSlash(urlPath)]; ok {
		return p.shape()
	}
	return nil
}

// begun notices when an answer begins.
type begun struct {
	http.ResponseWriter
	yes bool
}

func (b *begun) WriteHeader(code int) {
	b.yes = true
	b.ResponseWriter.WriteHeader(code)
}

func (b *begun) Write(p []byte) (int, error) {
	b.yes = true
	return b.ResponseWriter.Write(p)
}

// Flush is for the event stream; a ResponseController finds the rest by Unwrap.
func (b *begun) Flush() {
	b.yes = true
	_ = http.NewResponseController(b.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach the connection.
func (b *begun) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// CORS lets web pages of the given origins ("https://app.example.com") call
// both faces; "*" lets any. There are no cookies, so a page can do with a
// token what its holder could do anyway, and credentials are never allowed.
func CORS(origins []string) func(http.Handler) http.Handler {
	headers := strings.Join(append(connectcors.AllowedHeaders(),
		"Authorization", "Access-Token", "Token", "Idempotency-Key", "Last-Event-ID"), ", ")
	exposed := strings.Join(append(connectcors.ExposedHeaders(), "Retry-After"), ", ")
	anyOrigin := slices.Contains(origins, "*")
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Add("Vary", "Origin")
			origin := r.Header.Get("Origin")
			preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
			allowed := origin != "" && (anyOrigin || slices.Contains(origins, origin))
			if allowed {
				h.Set("Access-Control-Allow-Origin", origin)
				h.Set("Access-Control-Expose-Headers", exposed)
			}
			if !preflight {
				next.ServeHTTP(w, r)
				return
			}
			if allowed {
				h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
				h.Set("Access-Control-Allow-Headers", headers)
				h.Set("Access-Control-Max-Age", "7200")
			}
			w.WriteHeader(http.StatusNoContent)
		})
	}
}
