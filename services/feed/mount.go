package feed

import (
	"context"

	"douyin.dev/gen/douyin/feed/v1/feedv1connect"
	"douyin.dev/gen/douyin/relation/v1/relationv1connect"
	"douyin.dev/gen/douyin/video/v1/videov1connect"
	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/bus"
)

// Component is the service as a part of a process.
type Component struct{}

// Mount implements app.Component.
func (*Component) Mount(ctx context.Context, rt *app.Runtime) error {
	redis, err := rt.Redis(ctx)
	if err != nil {
		return err
	}
	svc, err := New(Deps{
		Redis: redis, Log: rt.Log,
		Videos:    app.NewClient(rt, "video", videov1connect.NewVideoServiceClient),
		Following: app.NewClient(rt, "relation", relationv1connect.NewRelationServiceClient),
	})
	if err != nil {
		return err
	}
	return app.HandleService[feedv1connect.FeedServiceHandler](rt, feedv1connect.NewFeedServiceHandler, svc)
}

// Fanout is the worker that keeps timelines, as a part of a process. Several
// share the partitions of its topics.
type Fanout struct {
	PushThreshold int `help:"Followers up to which an author's videos are pushed; those of others are pulled." default:"10000"`
}

// Mount implements app.Component.
func (f *Fanout) Mount(ctx context.Context, rt *app.Runtime) error {
	redis, err := rt.Redis(ctx)
	if err != nil {
		return err
	}
	pusher, err := NewPusher(PusherDeps{
		Redis: redis, Threshold: f.PushThreshold, Log: rt.Log,
		Followers: app.NewClient(rt, "relation", relationv1connect.NewRelationServiceClient),
		Videos:    app.NewClient(rt, "video", videov1connect.NewVideoServiceClient),
	})
	if err != nil {
		return err
	}
	rt.Go("consumer", func(ctx context.Context) error {
		return rt.Bus().Consume(ctx, bus.Subscription{Group: fanoutGroup, Topics: Topics(), Handle: pusher.Handle})
	})
	return nil
}
