package gateway

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	apiv1 "douyin.dev/gen/douyin/api/v1"

	"douyin.dev/gateway/openapi"
	"douyin.dev/services/platform/client"
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

// Handler is an http.Handler that gets the call's context beside the request,
// whose own context may know nothing of the call: so no step has to copy the
// request.
type Handler func(ctx context.Context, w http.ResponseWriter, r *http.Request)

// RESTOptions are what the REST face can be told. The zero value works.
type RESTOptions struct {
	// Session runs between the dialect and the call: sessions, access, limits.
	// Nil lets every call through.
	Session func(Handler) Handler
	// PublicURL is what links in answers begin with. Empty follows each
	// request's scheme and Host.
	PublicURL string
	// TrustedProxies say who a client is and how it reached them.
	TrustedProxies client.Proxies
	// ClientCalls bounds the calls a client has under way. Nil is no limit.
	ClientCalls *budget
	// pace is how slow a client may be. The zero value is defaultPace.
	pace pace
	// Signals are where telemetry goes.
	Signals Signals
	// Logger gets the causes of internal errors. Nil discards them.
	Logger *slog.Logger
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
}

// face is the REST face, compiled: its paths and what answers are written with.
type face struct {
	*surface
	origins  origins
	logger   *slog.Logger
	observer *observer
	pace     pace
	// clientCalls bounds the calls of a client; nil for no limit.
	clientCalls *budget
	// places are what the face answers, by path as clients may write it.
	places  map[string]*place
	nowhere *place
	// compressed answers clients that ask for gzip.
	compressed http.HandlerFunc
}

// place is what answers a path.
type place struct {
	answer Handler
	seen   *observed
	// shape is what a failed answer looks like; nil for pages.
	shape *endpoint
	// piecewise says that the handler works while it reads the body.
	piecewise bool
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
	f := &face{surface: compiled, origins: origins{opts.PublicURL, opts.TrustedProxies}, logger: opts.logger(), pace: cmp.Or(opts.pace, defaultPace), clientCalls: opts.ClientCalls, places: map[string]*place{}}
	if f.observer, err = newObserver(opts.Signals); err != nil {
		return nil, err
	}
	calls, err := f.calls(s)
	if err != nil {
		return nil, err
	}
	if opts.Session != nil {
		calls = opts.Session(calls)
	}
	f.settle(&dialect{face: f, now: opts.now(), next: calls}, document)
	compress, err := compressJSON()
	if err != nil {
		return nil, err
	}
	f.compressed = compress(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.at(r.URL.Path).answer(r.Context(), w, r)
	}))
	return f, nil
}

// settle puts everything in its place: calls, with and without a slash at the
// end of their path, and the pages beside them. It is a table and not a mux,
// because a mux answers paths it finds unclean with a redirect.
func (f *face) settle(d *dialect, document []byte) {
	for name, p := range f.paths {
		at := &place{seen: newObserved(name), shape: p.shape(), answer: d.of(p), piecewise: p.rawBody}
		f.places[name], f.places[name+"/"] = at, at
	}
	page := func(h http.Handler, names ...string) {
		at := &place{seen: newObserved(names[0]), answer: func(ctx context.Context, w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(ctx))
		}}
		for _, name := range names {
			f.places[name] = at
		}
	}
	docs := openapi.Page()
	page(http.HandlerFunc(ping), "/ping", "/ping/")
	page(openapi.JSON(document), "/openapi.json")
	page(docs, "/docs", "/docs/")
	page(docs, "/docs/docs.css")
	page(docs, "/docs/docs.js")
	f.nowhere = &place{seen: newObserved(""), answer: func(_ context.Context, w http.ResponseWriter, _ *http.Request) { answerNoPath(w) }}
}

func (f *face) at(path string) *place {
	if at, ok := f.places[path]; ok {
		return at
	}
	return f.nowhere
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

// calls is where a translated request ends: with its RPC, or with one of the
// handlers that stream.
func (f *face) calls(s Servers) (Handler, error) {
	if err := f.resolve(s); err != nil {
		return nil, err
	}
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request) {
		c := callFrom(ctx)
		switch c.endpoint.target.Path {
		case publishPath:
			s.Publish.ServeHTTP(w, translated(ctx, c, r))
		case streamPath:
			s.Stream.ServeHTTP(w, translated(ctx, c, r))
		default:
			c.endpoint.call(w, bare(ctx, c), nil)
		}
	}, nil
}

// translated is a request as the handlers that stream see it.
func translated(ctx context.Context, c *call, r *http.Request) *http.Request {
	out := r.WithContext(ctx)
	out.URL = &url.URL{Path: c.endpoint.target.Path, RawQuery: withoutToken(r.URL.RawQuery)}
	out.RequestURI = ""
	if c.params != nil {
		out.Form, out.PostForm = c.params, url.Values{}
		out.Body, out.ContentLength = http.NoBody, 0
		if r.Method != http.MethodHead {
			out.Method = c.endpoint.method
		}
	}
	return out
}

// Parts of every bare request; nobody changes them.
var (
	noHeader = http.Header{}
	noValues = url.Values{}
)

// bare is what the RPC needs of a request and nothing else: no header, no
// address and no host, which would otherwise become metadata of the call.
func bare(ctx context.Context, c *call) *http.Request {
	r := &http.Request{
		Method: c.endpoint.method, URL: c.endpoint.target, Header: noHeader, Body: http.NoBody,
		Form: c.params, PostForm: noValues,
	}
	return r.WithContext(ctx)
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
