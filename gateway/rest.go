package gateway

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	apiv1 "douyin.dev/gen/douyin/api/v1"

	"douyin.dev/gateway/openapi"
)

// Servers are what the REST face calls: the public API as it is, and the two
// paths that stream. All are needed.
type Servers struct {
	Feed        apiv1.FeedServiceServer
	User        apiv1.UserServiceServer
	Video       apiv1.VideoServiceServer
	Interaction apiv1.InteractionServiceServer
	Relation    apiv1.RelationServiceServer
	Message     apiv1.MessageServiceServer
	// Publish answers POST /douyin/publish/action with its body unread.
	Publish http.Handler
	// Stream answers GET /douyin/message/stream with Server-Sent Events.
	Stream http.Handler
}

// RESTOptions are what the REST face can be told. The zero value works.
type RESTOptions struct {
	// Session runs between the dialect and the call: sessions, access, limits.
	// Nil lets every call through.
	Session func(http.Handler) http.Handler
	// Logger gets the causes of internal errors. Nil discards them.
	Logger *slog.Logger
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
}

// face is the REST face, compiled: its paths and what answers are written with.
type face struct {
	*surface
	logger *slog.Logger
}

// NewREST returns the REST face: /douyin/…, /ping, /openapi.json and /docs.
// Other paths are answered 404 as JSON.
func NewREST(s Servers, opts RESTOptions) (http.Handler, error) {
	all, err := routes()
	if err != nil {
		return nil, err
	}
	compiled, err := compileSurface(all)
	if err != nil {
		return nil, err
	}
	document, err := openapi.Document(all, renamedKeys())
	if err != nil {
		return nil, fmt.Errorf("document the surface: %w", err)
	}
	f := &face{surface: compiled, logger: opts.logger()}
	calls, err := f.calls(s)
	if err != nil {
		return nil, err
	}
	if opts.Session != nil {
		calls = opts.Session(calls)
	}
	return f.edge(&dialect{face: f, now: opts.now(), next: calls}, document)
}

// edge puts around the dialect what every answer gets, and beside it what is
// not a call. It is a switch and not a mux, because a mux answers paths it
// finds unclean with a redirect.
func (f *face) edge(d http.Handler, document []byte) (http.Handler, error) {
	compress, err := compressJSON()
	if err != nil {
		return nil, err
	}
	spec, page := openapi.JSON(document), openapi.Page()
	return securityHeaders(f.recovered(compress(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ping", "/ping/":
			ping(w, r)
		case "/openapi.json":
			spec.ServeHTTP(w, r)
		case "/docs", "/docs/", "/docs/docs.css", "/docs/docs.js":
			page.ServeHTTP(w, r)
		default:
			d.ServeHTTP(w, r)
		}
	})))), nil
}

func (o RESTOptions) logger() *slog.Logger {
	if o.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Logger
}

func (o RESTOptions) now() func() time.Time {
	if o.Now == nil {
		return time.Now
	}
	return o.Now
}

// calls is where a translated request ends: in the mux, or with one of the
// handlers that stream.
func (f *face) calls(s Servers) (http.Handler, error) {
	mux, err := f.newRESTMux(s)
	if err != nil {
		return nil, err
	}
	bare := withoutMetadata(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case publishPath:
			s.Publish.ServeHTTP(w, r)
		case streamPath:
			s.Stream.ServeHTTP(w, r)
		default:
			bare.ServeHTTP(w, r)
		}
	}), nil
}

// ping says that the gateway answers. It asks nobody else.
func ping(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodPost, http.MethodHead:
		writeJSON(w, http.StatusOK, []byte(`{"status_code":0,"status_msg":"success","message":"pong"}`))
	case http.MethodOptions:
		answerOptions(w, &path{method: http.MethodGet})
	default:
		answerWrongMethod(w, &path{method: http.MethodGet})
	}
}

// withoutMetadata hands the mux what it needs and nothing else: no header, no
// address and no host, which it would otherwise make into call metadata.
func withoutMetadata(next http.Handler) http.Handler {
	none := http.Header{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bare := &http.Request{
			Method: r.Method, URL: r.URL, Header: none, Body: http.NoBody,
			Form: r.Form, PostForm: r.PostForm,
		}
		next.ServeHTTP(w, bare.WithContext(r.Context()))
	})
}
