package rest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"douyin.dev/gateway/pace"
	"douyin.dev/gateway/policy"
	"douyin.dev/gateway/rest/openapi"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/client"
)

// Servers are what the REST face calls: the public API as it is, and the three
// paths that stream. All are needed.
type Servers struct {
	Feed        apiv1.FeedServiceServer
	User        apiv1.UserServiceServer
	Video       apiv1.VideoServiceServer
	Interaction apiv1.InteractionServiceServer
	Relation    apiv1.RelationServiceServer
	Message     apiv1.MessageServiceServer
	Search      apiv1.SearchServiceServer
	// Publish answers POST /douyin/publish/action with its body unread.
	Publish http.Handler
	// Stream answers GET /douyin/message/stream with Server-Sent Events.
	Stream http.Handler
	// StatusStream answers GET /douyin/publish/status/stream with Server-Sent Events.
	StatusStream http.Handler
}

// Handler is an http.Handler that gets the call's context beside the request,
// whose own context may know nothing of the call: so no step has to copy the
// request.
type Handler func(ctx context.Context, w http.ResponseWriter, r *http.Request)

// ClientBudget bounds what each client has under way. It is safe for concurrent use.
type ClientBudget interface {
	// Enter counts one more; false says that the client has too many.
	Enter(ctx context.Context, k client.Key) bool
	// Leave counts one less.
	Leave(k client.Key)
}

// ViewerFields answers which of the videos a viewer likes, and which of the
// authors they follow.
type ViewerFields func(ctx context.Context, viewer auth.Viewer, videoIDs, authorIDs []int64) (liked, followed []int64)

// Options are what the REST face can be told. The zero value works.
type Options struct {
	// Session runs between the dialect and the call: sessions, access, limits.
	// Nil lets every call through.
	Session func(Handler) Handler
	// ViewerFields has those who ask for the same page of the public feed at the
	// same time share one answer, with what differs for a viewer put into a copy of
	// it. Nil makes an answer for each.
	ViewerFields ViewerFields
	// Origins says who a client is and what links in answers begin with.
	Origins Origins
	// ClientCalls bounds the calls a client has under way. Nil is no limit.
	ClientCalls ClientBudget
	// Pace is how slow a client may be. The zero value is pace.Default.
	Pace pace.Pace
	// Limits are those that the documentation tells clients.
	Limits openapi.Limits
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
	origins  Origins
	logger   *slog.Logger
	observer *observer
	pace     pace.Pace
	// clientCalls bounds the calls of a client.
	clientCalls ClientBudget
	// routes are what the face answers, by path as clients may write it.
	routes   map[string]*servedPath
	notFound *servedPath
	// compressed answers clients that ask for gzip.
	compressed http.HandlerFunc
}

// servedPath is what answers a path.
type servedPath struct {
	answer   Handler
	observed *observed
	// emptyAnswer has the keys of a failed answer; nil for pages.
	emptyAnswer *endpoint
	// piecewise says that the handler works while it reads the body.
	piecewise bool
}

// New returns the REST face: /douyin/…, /ping, /openapi.json and /docs.
// Other paths are answered 404 as JSON.
func New(s Servers, opts Options) (http.Handler, error) {
	all, err := routes()
	if err != nil {
		return nil, err
	}
	compiled, err := compileSurface(all)
	if err != nil {
		return nil, err
	}
	document, err := openapi.Document(all, renamedKeys(), opts.Limits)
	if err != nil {
		return nil, fmt.Errorf("document the surface: %w", err)
	}
	opts = opts.withDefaults()
	f := &face{
		surface: compiled, origins: opts.Origins, logger: opts.Logger, pace: opts.Pace, clientCalls: opts.ClientCalls,
		routes: map[string]*servedPath{},
	}
	if f.observer, err = newObserver(opts.Signals); err != nil {
		return nil, err
	}
	calls, err := f.calls(s)
	if err != nil {
		return nil, err
	}
	if opts.ViewerFields != nil {
		calls = shareFeed(calls, opts.ViewerFields, opts.Logger)
	}
	if opts.Session != nil {
		calls = opts.Session(calls)
	}
	f.addRoutes(&dialect{face: f, now: opts.Now, next: calls}, document)
	compress, err := compressJSON()
	if err != nil {
		return nil, err
	}
	f.compressed = compress(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.route(r.URL.Path).answer(r.Context(), w, r)
	}))
	return f, nil
}

func (o Options) withDefaults() Options {
	o.Pace = cmp.Or(o.Pace, pace.Default)
	if o.ClientCalls == nil {
		o.ClientCalls = noBudget{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// noBudget bounds nothing.
type noBudget struct{}

func (noBudget) Enter(context.Context, client.Key) bool { return true }
func (noBudget) Leave(client.Key)                       {}

// addRoutes registers what is answered: calls, with and without a slash at the
// end of their path, and the pages beside them. It is a table and not a mux,
// because a mux answers paths it finds unclean with a redirect.
func (f *face) addRoutes(d *dialect, document []byte) {
	for name, p := range f.paths {
		served := &servedPath{observed: newObserved(name), emptyAnswer: p.emptyAnswer(), answer: d.of(p), piecewise: p.rawBody}
		f.routes[name], f.routes[name+"/"] = served, served
	}
	page := func(h http.Handler, names ...string) {
		served := &servedPath{observed: newObserved(names[0]), answer: func(ctx context.Context, w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(ctx))
		}}
		for _, name := range names {
			f.routes[name] = served
		}
	}
	docs := openapi.Page()
	page(http.HandlerFunc(ping), "/ping", "/ping/")
	page(openapi.JSON(document), "/openapi.json")
	page(docs, "/docs", "/docs/")
	page(docs, "/docs/docs.css")
	page(docs, "/docs/docs.js")
	f.notFound = &servedPath{observed: newObserved(""), answer: func(_ context.Context, w http.ResponseWriter, _ *http.Request) { AnswerNoPath(w) }}
}

func (f *face) route(path string) *servedPath {
	if served, ok := f.routes[path]; ok {
		return served
	}
	return f.notFound
}

// calls is where a translated request ends: with its RPC, or with one of the
// handlers that stream.
func (f *face) calls(s Servers) (Handler, error) {
	if err := f.resolve(s); err != nil {
		return nil, err
	}
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request) {
		c := CallFrom(ctx)
		switch c.endpoint.target.Path {
		case publishPath:
			s.Publish.ServeHTTP(w, translated(ctx, c, r))
		case streamPath:
			s.Stream.ServeHTTP(w, translated(ctx, c, r))
		case statusStreamPath:
			s.StatusStream.ServeHTTP(w, translated(ctx, c, r))
		default:
			for _, name := range c.endpoint.requiredIDs {
				if len(c.params[name]) == 0 {
					AnswerError(ctx, w, policy.Missing(name))
					return
				}
			}
			c.endpoint.call(w, bare(ctx, c), nil)
		}
	}, nil
}

// translated is a request as the handlers that stream see it.
func translated(ctx context.Context, c *Call, r *http.Request) *http.Request {
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

// Parts of every bare request; nothing changes them.
var (
	noHeader = http.Header{}
	noValues = url.Values{}
)

// bare is what the RPC needs of a request and nothing else: no header, no
// address and no host, which would otherwise become metadata of the call.
func bare(ctx context.Context, c *Call) *http.Request {
	r := &http.Request{
		Method: c.endpoint.method, URL: c.endpoint.target, Header: noHeader, Body: http.NoBody,
		Form: c.params, PostForm: noValues,
	}
	if list := c.endpoint.list; list != "" {
		r.Body = io.NopCloser(strings.NewReader(c.params.Get(list)))
	}
	return r.WithContext(ctx)
}

// ping says that the gateway answers. It asks no service.
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
