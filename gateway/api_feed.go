package gateway

import (
	"context"

	"douyin.dev/gateway/rest"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	feedv1 "douyin.dev/gen/douyin/feed/v1"
	"douyin.dev/services/platform/auth"
)

// publicPage is a page of everybody's videos as anybody sees it. Callers share
// it and change nothing.
type publicPage struct {
	videos   []*apiv1.Video
	nextTime int64
}

// pageKey is all that such a page depends on.
type pageKey struct {
	base     rest.Base
	beforeMs int64
}

// GetFeed answers a page of everybody's videos. Those who ask for the same page
// at once have it read together; what holds for one of them alone comes after.
func (g *Gateway) GetFeed(ctx context.Context, req *apiv1.GetFeedRequest) (*apiv1.GetFeedResponse, error) {
	key := pageKey{rest.CallFrom(ctx).Origin.Base, max(req.GetLatestTime(), 0)}
	page, err := g.reads.pages.Do(ctx, key, func(ctx context.Context) (publicPage, error) {
		return g.publicPage(auth.Anonymous(ctx), key.beforeMs)
	})
	if err != nil {
		return nil, err
	}
	return &apiv1.GetFeedResponse{NextTime: page.nextTime, VideoList: g.withViewerFields(ctx, page.videos)}, nil
}

func (g *Gateway) publicPage(ctx context.Context, beforeMs int64) (publicPage, error) {
	list, err := g.Feed.ListPublicFeed(ctx, &feedv1.ListPublicFeedRequest{BeforeMs: beforeMs})
	if err != nil {
		return publicPage{}, err
	}
	page := publicPage{nextTime: g.Now().UnixMilli()}
	if n := len(list.GetEntries()); n > 0 {
		page.nextTime = list.GetEntries()[n-1].GetPublishedAtMs()
	}
	page.videos, err = g.videos(ctx, entryIDs(list.GetEntries()))
	return page, err
}

// ListFollowingFeed answers a page of the caller's following feed.
func (g *Gateway) ListFollowingFeed(ctx context.Context, req *apiv1.ListFollowingFeedRequest) (*apiv1.ListFollowingFeedResponse, error) {
	videos, next, err := seenPage(req.GetPageToken(), func(token string) ([]*apiv1.Video, string, error) {
		page, err := g.Feed.ListFollowingFeed(ctx, &feedv1.ListFollowingFeedRequest{PageSize: req.GetPageSize(), PageToken: token})
		if err != nil {
			return nil, "", err
		}
		videos, err := g.videos(ctx, entryIDs(page.GetEntries()))
		return videos, page.GetNextPageToken(), err
	})
	return &apiv1.ListFollowingFeedResponse{VideoList: videos, NextPageToken: next}, err
}

func entryIDs(entries []*feedv1.FeedEntry) []int64 {
	ids := make([]int64, len(entries))
	for i, e := range entries {
		ids[i] = e.GetVideoId()
	}
	return ids
}
