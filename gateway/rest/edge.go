package rest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	connectcors "connectrpc.com/cors"
	"github.com/klauspost/compress/gzhttp"

	"douyin.dev/gateway/pace"
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

// Values of headers that many answers share. The server reads them; adding to
// one makes a copy, because none has room for more.
var (
	nosniff    = []string{"nosniff"}
	noReferrer = []string{"no-referrer"}
	noStore    = []string{"no-store"}
	jsonTypes  = []string{jsonType}
	varyOrigin = []string{"Origin"}
)

// ServeHTTP is the edge: what every answer gets, around whatever answers the
// path.
func (f *face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	served := f.route(r.URL.Path)
	x := &exchange{Writer: pace.NewWriter(w, r, f.pace), began: time.Now(), call: Call{face: f, Origin: f.origins.Of(r)}}
	x.Begin(x.began)
	defer x.Finish()
	defer x.releaseHeld()
	ctx, span := f.observer.start(r, x.call.Origin, served.observed)
	defer span.End()
	defer func() {
		f.observer.done(ctx, span, r, served.observed, x)
		f.logAnswer(ctx, r, served.observed, x)
	}()
	ctx = WithCall(ctx, &x.call)
	if !f.clientCalls.Enter(ctx, x.call.Origin.Client) {
		if served.emptyAnswer != nil {
			x.call.callTo(served.emptyAnswer)
		}
		AnswerError(ctx, x, ErrTooManyCalls)
		return
	}
	defer f.clientCalls.Leave(x.call.Origin.Client)
	f.guarded(ctx, x, x.withPacedBody(r, f.pace, served.piecewise), served)
}

// guarded turns a panic into an internal error. When the answer has begun it
// can only be broken off.
func (f *face) guarded(ctx context.Context, x *exchange, r *http.Request, served *servedPath) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if v == any(http.ErrAbortHandler) {
			panic(v)
		}
		f.logger.LogAttrs(ctx, slog.LevelError, "call panicked",
			slog.String("path", r.URL.Path), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
		if x.httpStatus != 0 {
			panic(http.ErrAbortHandler)
		}
		writeStatus(x, http.StatusOK, status{code: statusInternal, message: tellInternal}, served.emptyAnswer)
	}()
	secure(x.Header())
	if AcceptsGzip(r) {
		f.compressed(x, r.WithContext(ctx))
		return
	}
	h := x.Header()
	h["Vary"] = append(h["Vary"], "Accept-Encoding")
	served.answer(ctx, x, r)
}

// secure sets what holds for every answer. Answers depend on the caller, so
// nothing may keep them; what may be kept says so itself.
func secure(h http.Header) {
	h["X-Content-Type-Options"] = nosniff
	h["Referrer-Policy"] = noReferrer
	h["Cache-Control"] = noStore
}

// AcceptsGzip reports whether a client may want gzip: the compressor reads closely.
func AcceptsGzip(r *http.Request) bool {
	for _, v := range r.Header["Accept-Encoding"] {
		if strings.Contains(v, "gzip") || strings.Contains(v, "*") {
			return true
		}
	}
	return false
}

// CORS lets web pages of the given origins ("https://app.example.com") call
// both faces; "*" lets any. There are no cookies, so a page can do with a
// token what its holder could do anyway, and credentials are never allowed.
func CORS(origins []string) func(http.Handler) http.Handler {
	headers := strings.Join(append(connectcors.AllowedHeaders(),
		"Authorization", "Access-Token", "Token", "Idempotency-Key", "Last-Event-ID",
		"Range", "If-Range", "If-None-Match", "Tus-Resumable", "Upload-Length", "Upload-Offset", "Upload-Metadata"), ", ")
	exposed := []string{strings.Join(append(connectcors.ExposedHeaders(),
		"Retry-After", "Content-Range", "Accept-Ranges", "ETag", "Content-Length",
		"Location", "Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size", "Upload-Length", "Upload-Offset"), ", ")}
	anyOrigin := slices.Contains(origins, "*")
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h["Vary"] = varyOrigin
			origin := r.Header.Get("Origin")
			preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
			allowed := origin != "" && (anyOrigin || slices.Contains(origins, origin))
			if allowed {
				h["Access-Control-Allow-Origin"] = []string{origin}
				h["Access-Control-Expose-Headers"] = exposed
			}
			if !preflight {
				next.ServeHTTP(w, r)
				return
			}
			if allowed {
				h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH, DELETE, OPTIONS")
				h.Set("Access-Control-Allow-Headers", headers)
				h.Set("Access-Control-Max-Age", "7200")
			}
			w.WriteHeader(http.StatusNoContent)
		})
	}
}
