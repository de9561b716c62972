package gateway

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"go.opentelemetry.io/otel"

	"douyin.dev/gateway/numjson"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/gen/douyin/api/v1/apiv1connect"
	"douyin.dev/gen/douyin/counter/v1/counterv1connect"
	"douyin.dev/gen/douyin/feed/v1/feedv1connect"
	"douyin.dev/gen/douyin/interaction/v1/interactionv1connect"
	"douyin.dev/gen/douyin/message/v1/messagev1connect"
	"douyin.dev/gen/douyin/relation/v1/relationv1connect"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	"douyin.dev/gen/douyin/video/v1/videov1connect"
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
	g := New(clients(rt, Deps{
		Media: media, Limiter: limiter, Log: rt.Log, Now: rt.Clock(), Zone: zone, Settings: c.Settings,
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
	return d
}

func (g *Gateway) mount(rt *app.Runtime) error {
	encoder, err := numjson.Compile(renamedKeys(), (&apiv1.Message{}).ProtoReflect().Descriptor())
	if err != nil {
		return err
	}
	admission, err := newAdmission(g.Settings, otel.GetMeterProvider())
	if err != nil {
		return err
	}
	rest, err := g.rest(admission, encoder, Signals{otel.GetTracerProvider(), otel.GetMeterProvider(), otel.GetTextMapPropagator()})
	if err != nil {
		return err
	}
	rt.ServeClients(client.ListenOptions{
		Proxies: g.Settings.TrustedProxies, MaxConns: g.Settings.MaxConnections, MaxConnsPerClient: g.Settings.ClientConnections,
		Meters: otel.GetMeterProvider(),
	})
	around := CORS(g.Settings.CORSOrigins)
	rt.OnDrain(g.endStreams)
	rt.Handle("/", around(rest))
	rt.Handle("GET "+mediaPrefix+"{key...}", unhurried(around(g.withOrigin(admission.admitDownload(http.HandlerFunc(g.media))))))
	rt.Handle("GET "+defaultAvatarPath, unhurried(static("image/svg+xml", avatarSVG)))
	rt.Handle("GET "+defaultBackgroundPath, unhurried(static("image/svg+xml", backgroundSVG)))
	return g.mountRPC(rt, func(h http.Handler) http.Handler { return unhurried(around(g.withOrigin(admission.admitRPC(h)))) })
}

// rest returns the REST face of this gateway.
func (g *Gateway) rest(admission *admission, encoder *numjson.Encoder, s Signals) (http.Handler, error) {
	return NewREST(Servers{
		Feed: g, User: g, Video: g, Interaction: g, Relation: g, Message: g,
		Publish: http.HandlerFunc(g.publish), Stream: g.messageStream(encoder),
	}, RESTOptions{
		Session:   func(next Handler) Handler { return admission.admitREST(g.restSession(g.shared(next))) },
		PublicURL: g.Settings.PublicURL, TrustedProxies: g.Settings.TrustedProxies, Signals: s, Logger: g.Log, Now: g.Now,
	})
}

// mountRPC serves the public API over Connect, gRPC and gRPC-Web, with health
// and reflection.
func (g *Gateway) mountRPC(rt *app.Runtime, around func(http.Handler) http.Handler) error {
	edge, err := rpc.EdgeOptions(g.Log)
	if err != nil {
		return err
	}
	options := connect.WithHandlerOptions(append(edge, connect.WithInterceptors(rpcSession{g}))...)
	mount := func(path string, h http.Handler) { rt.Handle(path, around(h)) }
	mount(apiv1connect.NewFeedServiceHandler(g, options))
	mount(apiv1connect.NewUserServiceHandler(g, options))
	mount(apiv1connect.NewVideoServiceHandler(g, options))
	mount(apiv1connect.NewUploadServiceHandler(g, options))
	mount(apiv1connect.NewInteractionServiceHandler(g, options))
	mount(apiv1connect.NewRelationServiceHandler(g, options))
	mount(apiv1connect.NewMessageServiceHandler(g, options))
	mount(apiv1connect.NewMessageStreamServiceHandler(g, options))

	names := []string{
		apiv1connect.FeedServiceName, apiv1connect.UserServiceName, apiv1connect.VideoServiceName, apiv1connect.UploadServiceName,
		apiv1connect.InteractionServiceName, apiv1connect.RelationServiceName, apiv1connect.MessageServiceName, apiv1connect.MessageStreamServiceName,
	}
	rt.Handle(grpchealth.NewHandler(grpchealth.NewStaticChecker(names...)))
	reflector := grpcreflect.NewStaticReflector(names...)
	rt.Handle(grpcreflect.NewHandlerV1(reflector))
	rt.Handle(grpcreflect.NewHandlerV1Alpha(reflector))
	return nil
}
