package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/rueidis"
	"golang.org/x/sync/singleflight"

	feedv1 "douyin.dev/gen/douyin/feed/v1"
	"douyin.dev/gen/douyin/feed/v1/feedv1connect"
	relationv1 "douyin.dev/gen/douyin/relation/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/page"
)

const (
	maxPublicPage    = 30
	maxFollowingPage = 50
	defaultPage      = 30
	// redisTimeout is how long a page waits for Redis before it is computed
	// without it.
	redisTimeout = 500 * time.Millisecond
)

// Videos is what feeds need of the video service.
type Videos interface {
	ListRecentVideos(context.Context, *videov1.ListRecentVideosRequest) (*videov1.ListRecentVideosResponse, error)
	ListVideosByAuthors(context.Context, *videov1.ListVideosByAuthorsRequest) (*videov1.ListVideosByAuthorsResponse, error)
}

// Following is what feeds need of the relation service.
type Following interface {
	ListFollowing(context.Context, *relationv1.ListFollowingRequest) (*relationv1.ListFollowingResponse, error)
}

// Deps is what the service is made of.
type Deps struct {
	Redis     rueidis.Client
	Videos    Videos
	Following Following
	Log       *slog.Logger
}

// Service implements FeedService. It is safe for concurrent use.
type Service struct {
	videos    Videos
	following Following
	timelines *timelines
	rebuilds  singleflight.Group
	log       *slog.Logger
}

var _ feedv1connect.FeedServiceHandler = (*Service)(nil)

// New returns the service.
func New(d Deps) (*Service, error) {
	if d.Redis == nil || d.Videos == nil || d.Following == nil {
		return nil, errors.New("feed service needs redis, videos and relations")
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{videos: d.Videos, following: d.Following, timelines: newTimelines(d.Redis), log: d.Log}, nil
}

// ListPublicFeed implements FeedService.
func (s *Service) ListPublicFeed(ctx context.Context, req *feedv1.ListPublicFeedRequest) (*feedv1.ListPublicFeedResponse, error) {
	size, err := page.Size("page_size", req.GetPageSize(), defaultPage, maxPublicPage)
	if err != nil {
		return nil, err
	}
	recent, err := s.videos.ListRecentVideos(ctx, &videov1.ListRecentVideosRequest{BeforeMs: req.GetBeforeMs(), PageSize: int32(size)})
	if err != nil {
		return nil, fmt.Errorf("list recent videos: %w", err)
	}
	res := &feedv1.ListPublicFeedResponse{Entries: make([]*feedv1.FeedEntry, len(recent.GetVideos()))}
	for i, v := range recent.GetVideos() {
		res.Entries[i] = &feedv1.FeedEntry{VideoId: v.GetId(), PublishedAtMs: v.GetPublishedAtMs()}
	}
	return res, nil
}

// ListFollowingFeed implements FeedService.
func (s *Service) ListFollowingFeed(ctx context.Context, req *feedv1.ListFollowingFeedRequest) (*feedv1.ListFollowingFeedResponse, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return nil, err
	}
	size, err := page.Size("page_size", req.GetPageSize(), defaultPage, maxFollowingPage)
	if err != nil {
		return nil, err
	}
	from, err := page.Parse("page_token", req.GetPageToken())
	if err != nil {
		return nil, err
	}
	entries, err := s.entries(ctx, viewer.UserID, from, size+1)
	if err != nil {
		return nil, err
	}
	res := &feedv1.ListFollowingFeedResponse{}
	if len(entries) > size {
		entries = entries[:size]
		last := entries[size-1]
		res.NextPageToken = page.Cursor{Time: last.at, ID: last.id}.Token()
	}
	for _, e := range entries {
		res.Entries = append(res.Entries, &feedv1.FeedEntry{VideoId: e.id, PublishedAtMs: e.at})
	}
	return res, nil
}
