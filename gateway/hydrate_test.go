package gateway

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/gen/douyin/interaction/v1/interactionv1connect"
	relationv1 "douyin.dev/gen/douyin/relation/v1"
	"douyin.dev/gen/douyin/relation/v1/relationv1connect"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/auth"
)

// liking answers that user n likes video n, following that they follow user 100+n.
type (
	liking struct {
		interactionv1connect.InteractionServiceClient
	}
	following struct {
		relationv1connect.RelationServiceClient
	}
)

func (liking) BatchCheckLikes(_ context.Context, req *interactionv1.BatchCheckLikesRequest) (*interactionv1.BatchCheckLikesResponse, error) {
	res := &interactionv1.BatchCheckLikesResponse{}
	if slices.Contains(req.GetVideoIds(), req.GetUserId()) {
		res.LikedVideoIds = []int64{req.GetUserId()}
	}
	return res, nil
}

func (following) BatchCheckFollows(_ context.Context, req *relationv1.BatchCheckFollowsRequest) (*relationv1.BatchCheckFollowsResponse, error) {
	res := &relationv1.BatchCheckFollowsResponse{}
	if author := 100 + req.GetFollowerId(); slices.Contains(req.GetUserIds(), author) {
		res.FollowedUserIds = []int64{author}
	}
	return res, nil
}

// A page is read once for all who ask for it at the same time: what holds for
// one of them is on no page but theirs.
func TestMarksOfOneViewerReachNobodyElse(t *testing.T) {
	t.Parallel()
	g := &Gateway{Deps: Deps{Interaction: liking{}, Relation: following{}, Log: slog.New(slog.DiscardHandler)}}
	page := func() []*apiv1.Video {
		return []*apiv1.Video{
			{Id: 1, Title: "one", Author: &apiv1.User{Id: 101}},
			{Id: 2, Title: "two", Author: &apiv1.User{Id: 102}},
			{Id: 3, Title: "three", Author: &apiv1.User{Id: 101}},
		}
	}
	want := func(viewer int64) []*apiv1.Video {
		videos := page()
		for _, v := range videos {
			v.IsFavorite = v.GetId() == viewer
			v.Author.IsFollow = v.GetAuthor().GetId() == 100+viewer
		}
		return videos
	}
	shared := page()
	var all sync.WaitGroup
	for viewer := range int64(4) {
		all.Go(func() {
			ctx := t.Context()
			if viewer > 0 { // the other is nobody
				ctx = auth.WithViewer(ctx, auth.Viewer{UserID: viewer})
			}
			if diff := cmp.Diff(want(viewer), g.withViewerFields(ctx, shared), protocmp.Transform()); diff != "" {
				t.Errorf("page of viewer %d (-want +got):\n%s", viewer, diff)
			}
		})
	}
	all.Wait()
	if !slices.EqualFunc(page(), shared, func(a, b *apiv1.Video) bool { return proto.Equal(a, b) }) {
		t.Error("the shared page was changed")
	}
}

func TestVideosNameTheirPlaylistOnceThereIsOne(t *testing.T) {
	t.Parallel()
	g, ctx := New(Deps{Now: time.Now}), t.Context()
	v := &videov1.Video{Id: 1, MediaKey: "videos/1/original.mp4"}
	if got := publicVideo(g.readerOf(ctx), v, nil); got.GetHlsUrl() != "" || got.GetPlayUrl() != "/media/videos/1/original.mp4" {
		t.Errorf("at first: %v", got)
	}
	v.MediaKey, v.HlsKey = "videos/1/r1/progressive.mp4", "videos/1/r1/master-1.m3u8"
	got := publicVideo(g.readerOf(ctx), v, nil)
	if got.GetHlsUrl() != "/media/videos/1/r1/master-1.m3u8" || got.GetPlayUrl() != "/media/videos/1/r1/progressive.mp4" {
		t.Errorf("then: %v", got)
	}
}
