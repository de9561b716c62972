package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"go.opentelemetry.io/otel"

	"douyin.dev/gateway/policy"
	"douyin.dev/gateway/rest"
	"douyin.dev/gateway/resumable"
	"douyin.dev/gateway/sessioncookie"
	"douyin.dev/gateway/site"
	"douyin.dev/gateway/static"
	"douyin.dev/gen/douyin/api/v1/apiv1connect"
	"douyin.dev/gen/douyin/counter/v1/counterv1connect"
	"douyin.dev/gen/douyin/feed/v1/feedv1connect"
	"douyin.dev/gen/douyin/interaction/v1/interactionv1connect"
	"douyin.dev/gen/douyin/message/v1/messagev1connect"
	"douyin.dev/gen/douyin/relation/v1/relationv1connect"
	"douyin.dev/gen/douyin/search/v1/searchv1connect"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	"douyin.dev/gen/douyin/video/v1/videov1connect"
	"douyin.dev/gen/web"
	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/client"
	"douyin.dev/services/platform/limit"
	"douyin.dev/services/platform/rpc"
)

// Component is the gateway as a process mounts it.
type Component struct {
	Settings `embed:""`
}

// Mount serves both faces of the public API, media, and the documentation.
func (c *Component) Mount(ctx context.Context, rt *app.Runtime) error {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return fmt.Errorf("gateway-time-zone: %w", err)
	}
	media, err := rt.Blob(ctx)
	if err != nil {
		return err
	}
	redis, err := rt.Redis(ctx)
	if err != nil {
		return err
	}
	limiter, err := limit.New(redis, limit.Config{Meters: otel.GetMeterProvider()})
	if err != nil {
		return err
	}
	uploads, err := resumable.New(resumable.Config{
		Store: media, Redis: redis, Log: rt.Log, Now: rt.Clock(), MaxBytes: c.MaxUploadBytes,
		Viewer: viewerOf, Refused: notPlayable, BaseURL: rest.BaseURL,
	})
	if err != nil {
		return err
	}
	policies, err := policy.Read()
	if err != nil {
		return err
	}
	rt.Go("expired uploads", uploads.Run)
	g := New(clients(rt, Deps{
		Media: media, Uploads: uploads, Limiter: limiter, Log: rt.Log, Meters: otel.GetMeterProvider(), Now: rt.Clock(), Zone: zone,
		Policies: policies, Settings: c.Settings,
	}))
	return g.mount(rt)
}

func clients(rt *app.Runtime, d Deps) Deps {
	o := rt.ClientOptions()
	at := func(service string) (connect.HTTPClient, string, connect.ClientOption) {
		client, base := rt.Client(service)
		return client, base, o
	}
	d.User = userv1connect.NewUserServiceClient(at("user"))
	d.Video = videov1connect.NewVideoServiceClient(at("video"))
	d.Feed = feedv1connect.NewFeedServiceClient(at("feed"))
	d.Interaction = interactionv1connect.NewInteractionServiceClient(at("interaction"))
	d.Relation = relationv1connect.NewRelationServiceClient(at("relation"))
	d.Message = messagev1connect.NewMessageServiceClient(at("message"))
	d.Counter = counterv1connect.NewCounterServiceClient(at("counter"))
	d.Search = searchv1connect.NewSearchServiceClient(at("search"))
	return d
}

func (g *Gateway) mount(rt *app.Runtime) error {
	rt.ServeClients(client.ListenOptions{
		Proxies: g.Settings.TrustedProxies, MaxConns: g.Settings.MaxConnections, MaxConnsPerClient: g.Settings.ClientConnections,
		Meters: otel.GetMeterProvider(),
	})
	rt.OnDrain(g.endStreams)
	return g.handle(rest.Signals{Tracers: otel.GetTracerProvider(), Meters: otel.GetMeterProvider(), Propagator: otel.GetTextMapPropagator()}, rt.Handle)
}

// handle hands out every handler of the gateway. Each has a deadline for every
// read and write, counts its client's calls and bounds the messages it reads.
func (g *Gateway) handle(s rest.Signals, handle func(pattern string, h http.Handler)) error {
	restHandler, err := g.restHandler(s)
	if err != nil {
		return err
	}
	around := rest.CORS(g.Settings.CORSOrigins)
	guarded := func(piecewise bool, h http.Handler) http.Handler {
		return g.pace.Handler(piecewise, around(g.origins().WithHeaders(g.admission.admitClient(h))))
	}
	mount := func(pattern string, h http.Handler) {
		handle(pattern, guarded(strings.HasPrefix(pattern, "/"+apiv1connect.UploadServiceName+"/"), h))
	}
	if err := g.mountSite(mount, guarded, handle, around(restHandler)); err != nil {
		return err
	}
	mount("GET "+mediaPrefix+"{key...}", g.admission.admitDownload(http.HandlerFunc(g.media)))
	mount(resumable.Path, http.HandlerFunc(g.resumableUploads))
	static.MountPictures(mount)
	return g.mountRPC(mount)
}

// restHandler returns the REST face of this gateway.
func (g *Gateway) restHandler(s rest.Signals) (http.Handler, error) {
	return rest.New(rest.Servers{
		Feed: g, User: g, Video: g, Interaction: g, Relation: g, Message: g, Search: g,
		Publish: http.HandlerFunc(g.publish), Stream: http.HandlerFunc(g.messageStream),
		StatusStream: http.HandlerFunc(g.statusStream),
	}, rest.Options{
		Session:      func(next rest.Handler) rest.Handler { return g.admission.admitREST(g.restSession(next)) },
		ViewerFields: g.viewerFields,
		ClientCalls:  &g.admission.clientCalls, Pace: g.pace, Origins: g.origins(),
		Limits: g.Settings.documented(), Signals: s, Logger: g.Log, Now: g.Now,
	})
}

// mountSite serves the web client and the pages behind links in front of the REST
// handler, or that alone.
func (g *Gateway) mountSite(
	mount func(pattern string, h http.Handler), guarded func(piecewise bool, h http.Handler) http.Handler,
	handle func(pattern string, h http.Handler), api http.Handler,
) error {
	if !g.Settings.Web {
		handle("/", api)
		return nil
	}
	s, err := site.New(site.Deps{
		Files: web.Files, PublicURL: g.Settings.PublicURL, API: g, Feed: g.Feed, EnterCall: g.admission.enterPage, Unlisted: isUnlisted, Log: g.Log,
	})
	if err != nil {
		return err
	}
	s.Mount(mount)
	handle("/", s.Handler(
		func(pages http.Handler) http.Handler { return guarded(false, pages) },
		func(files http.Handler) http.Handler { return g.pace.Handler(false, files) },
		api))
	return nil
}

// maxNameBytes bounds a message of health and reflection, which hold a name.
const maxNameBytes = 4 << 10

// interceptors go around every call of Connect and gRPC, the first outermost.
func (g *Gateway) interceptors() []connect.Interceptor {
	overHTTPS := func(ctx context.Context) bool { return strings.HasPrefix(rest.BaseURL(ctx), "https://") }
	return []connect.Interceptor{
		connect.UnaryInterceptorFunc(g.admission.admitUnary),
		sessioncookie.Interceptor(overHTTPS),
		connect.UnaryInterceptorFunc(g.unarySession),
		streamInterceptor(g.streamSession),
		streamInterceptor(g.admission.admitStream),
	}
}

// mountRPC serves the public API over Connect, gRPC and gRPC-Web, with health
// and reflection.
func (g *Gateway) mountRPC(mount func(path string, h http.Handler)) error {
	edge, err := rpc.EdgeOptions(g.Log)
	if err != nil {
		return err
	}
	options := connect.WithHandlerOptions(append(edge,
		connect.WithInterceptors(g.interceptors()...))...)
	var names []string
	serve := func(path string, h http.Handler) {
		names = append(names, strings.Trim(path, "/"))
		mount(path, h)
	}
	serve(apiv1connect.NewFeedServiceHandler(g, options))
	serve(apiv1connect.NewUserServiceHandler(g, options))
	serve(apiv1connect.NewVideoServiceHandler(g, options))
	serve(apiv1connect.NewVideoStatusServiceHandler(g, options))
	serve(apiv1connect.NewUploadServiceHandler(g, options))
	serve(apiv1connect.NewInteractionServiceHandler(g, options))
	serve(apiv1connect.NewRelationServiceHandler(g, options))
	serve(apiv1connect.NewMessageServiceHandler(g, options))
	serve(apiv1connect.NewSearchServiceHandler(g, options))
	serve(apiv1connect.NewMessageStreamServiceHandler(g, options))

	small := connect.WithReadMaxBytes(maxNameBytes)
	mount(grpchealth.NewHandler(health{grpchealth.NewStaticChecker(names...)}, small))
	reflector, err := newReflector(names)
	if err != nil {
		return err
	}
	silent := connect.WithInterceptors(streamInterceptor(withoutQuestion))
	mount(grpcreflect.NewHandlerV1(reflector, small, silent))
	mount(grpcreflect.NewHandlerV1Alpha(reflector, small, silent))
	return nil
}

// health answers without the name it was asked about.
type health struct{ checker *grpchealth.StaticChecker }

// Check implements grpchealth.Checker.
func (h health) Check(ctx context.Context, req *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	res, err := h.checker.Check(ctx, req)
	if err != nil {
		return nil, connect.NewError(connect.CodeNotFound, errors.New("no such service"))
	}
	return res, nil
}
