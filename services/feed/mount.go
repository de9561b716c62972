package feed

import (
	"context"

	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/bus"

	feedv1connect "douyin.dev/gen/douyin/feed/v1/feedv1connect"
	relationv1connect "douyin.dev/gen/douyin/relation/v1/relationv1connect"
	videov1connect "douyin.dev/gen/douyin/video/v1/videov1connect"
)

// Component is the service as a part of a process.
type Component struct{}

// Mount implements app.Component.
func (*Component) Mount(ctx context.Context, rt *app.Runtime) error {
	redis, err := rt.Redis(ctx)
	if err != nil {
		return err
	}
	svc, err := New(Deps{Redis: redis, Videos: videos(rt), Following: relations(rt), Log: rt.Log})
	if err != nil {
		return err
	}
	path, handler := feedv1connect.NewFeedServiceHandler(svc, rt.HandlerOptions())
	rt.Handle(path, handler)
	return nil
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
		Redis: redis, Followers: relations(rt), Videos: videos(rt),
		Threshold: f.PushThreshold, Log: rt.Log,
	})
	if err != nil {
		return err
	}
	rt.Go("consumer", func(ctx context.Context) error {
		return rt.Bus().Consume(ctx, bus.Subscription{Group: fanoutGroup, Topics: Topics(), Handle: pusher.Handle})
	})
	return nil
}

func videos(rt *app.Runtime) videov1connect.VideoServiceClient {
	client, base := rt.Client("video")
	return videov1connect.NewVideoServiceClient(client, base, rt.ClientOptions())
}

func relations(rt *app.Runtime) relationv1connect.RelationServiceClient {
	client, base := rt.Client("relation")
	return relationv1connect.NewRelationServiceClient(client, base, rt.ClientOptions())
}
