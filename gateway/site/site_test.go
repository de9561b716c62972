package site

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"douyin.dev/gateway/rest"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	feedv1 "douyin.dev/gen/douyin/feed/v1"
	"douyin.dev/gen/web"
	"douyin.dev/services/platform/fault"
)

// library is an API with one user and the user's videos 1000, which has the title,
// and 1001.
type library struct {
	user  *apiv1.User
	title string
}

func (l library) video(ctx context.Context, id int64) *apiv1.Video {
	title := "A day at the lake, 湖边的一天"
	if id == 1000 {
		title = l.title
	}
	media := rest.BaseURL(ctx) + fmt.Sprintf("/media/videos/%d/", id)
	return &apiv1.Video{
		Id: id, Author: l.user, Title: title, CreateTime: 1767225600000 - (id - 1000),
		PlayUrl: media + "original.mp4", CoverUrl: media + "cover.jpg",
	}
}

func (l library) GetVideo(ctx context.Context, req *apiv1.GetVideoRequest) (*apiv1.GetVideoResponse, error) {
	if req.GetVideoId() != 1000 && req.GetVideoId() != 1001 {
		return nil, fault.NotFound("no such video")
	}
	return &apiv1.GetVideoResponse{Video: l.video(ctx, req.GetVideoId())}, nil
}

func (l library) GetProfile(_ context.Context, req *apiv1.GetProfileRequest) (*apiv1.GetProfileResponse, error) {
	if !strings.EqualFold(req.GetName(), l.user.GetName()) {
		return nil, fault.NotFound("no such user")
	}
	return &apiv1.GetProfileResponse{User: l.user}, nil
}

func (l library) ListPublishedVideos(ctx context.Context, _ *apiv1.ListPublishedVideosRequest) (*apiv1.ListPublishedVideosResponse, error) {
	return &apiv1.ListPublishedVideosResponse{VideoList: []*apiv1.Video{l.video(ctx, 1000), l.video(ctx, 1001)}}, nil
}

func (l library) ListPublicFeed(_ context.Context, req *feedv1.ListPublicFeedRequest) (*feedv1.ListPublicFeedResponse, error) {
	if req.GetBeforeMs() != 0 {
		return &feedv1.ListPublicFeedResponse{}, nil
	}
	return &feedv1.ListPublicFeedResponse{Entries: []*feedv1.FeedEntry{{VideoId: 1000, PublishedAtMs: 1767225600000}}}, nil
}

// serve serves the site of a library, as clients reach it.
func serve(t *testing.T, l library) *httptest.Server {
	t.Helper()
	return serveDeps(t, Deps{API: l, Feed: l, EnterCall: func(context.Context, string) (func(), error) { return func() {}, nil }})
}

func serveDeps(t *testing.T, d Deps) *httptest.Server {
	t.Helper()
	d.Files, d.Log = web.Files, slog.New(slog.DiscardHandler)
	d.Unlisted = func(*apiv1.Video) bool { return false }
	s, err := New(d)
	if err != nil {
		t.Fatal(err)
	}
	mux, withCall := http.NewServeMux(), rest.Origins{}.WithHeaders
	s.Mount(func(pattern string, h http.Handler) { mux.Handle(pattern, withCall(h)) })
	mux.Handle("/", s.Handler(withCall, withCall, http.NotFoundHandler()))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// A page that asks the API is one of the calls under way until it is made.
func TestPagesTakeASlotAndGiveItBack(t *testing.T) {
	t.Parallel()
	l := library{user: &apiv1.User{Id: 100, Name: "ada"}, title: "one"}
	var busy, entered atomic.Int64
	server := serveDeps(t, Deps{API: l, Feed: l, EnterCall: func(_ context.Context, procedure string) (func(), error) {
		if !strings.HasPrefix(procedure, "/douyin.api.v1.") {
			t.Errorf("a slot for %s", procedure)
		}
		busy.Add(1)
		entered.Add(1)
		return func() { busy.Add(-1) }, nil
	}})
	for i, path := range []string{"/v/1000", "/embed/1000", "/oembed?url=" + server.URL + "/v/1000", "/@ada", "/sitemap.xml"} {
		if res, _ := getLink(t, server.URL+path); res.StatusCode != http.StatusOK || busy.Load() != 0 || entered.Load() != int64(i)+1 {
			t.Errorf("%s: %s, %d of %d slots are taken", path, res.Status, busy.Load(), entered.Load())
		}
	}
}

func TestAPageWithoutASlotIsRefused(t *testing.T) {
	t.Parallel()
	l := library{user: &apiv1.User{Id: 100, Name: "ada"}, title: "one"}
	server := serveDeps(t, Deps{API: l, Feed: l, EnterCall: func(context.Context, string) (func(), error) {
		return nil, fault.Unavailable(errors.New("too many"))
	}})
	for _, path := range []string{"/v/1000", "/embed/1000", "/oembed?url=" + server.URL + "/v/1000", "/@ada", "/@ada/feed.atom", "/sitemap.xml"} {
		if res, _ := getLink(t, server.URL+path); res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
}
