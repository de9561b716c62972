package gateway

import (
	"context"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	feedv1 "douyin.dev/gen/douyin/feed/v1"
)

// GetFeed answers a page of everybody's videos.
func (g *Gateway) GetFeed(ctx context.Context, req *apiv1.GetFeedRequest) (*apiv1.GetFeedResponse, error) {
	page, err := g.Feed.ListPublicFeed(ctx, &feedv1.ListPublicFeedRequest{BeforeMs: max(req.GetLatestTime(), 0)})
	if err != nil {
		return nil, err
	}
	res := &apiv1.GetFeedResponse{NextTime: g.Now().UnixMilli()}
	if n := len(page.GetEntries()); n > 0 {
		res.NextTime = page.GetEntries()[n-1].GetPublishedAtMs()
	}
	res.VideoList, err = g.videos(ctx, entryIDs(page.GetEntries()))
	return res, err
}

// ListFollowingFeed answers a page of the caller's following feed.
func (g *Gateway) ListFollowingFeed(ctx context.Context, req *apiv1.ListFollowingFeedRequest) (*apiv1.ListFollowingFeedResponse, error) {
	page, err := g.Feed.ListFollowingFeed(ctx, &feedv1.ListFollowingFeedRequest{PageSize: req.GetPageSize(), PageToken: req.GetPageToken()})
	if err != nil {
		return nil, err
	}
	videos, err := g.videos(ctx, entryIDs(page.GetEntries()))
	return &apiv1.ListFollowingFeedResponse{VideoList: videos, NextPageToken: page.GetNextPageToken()}, err
}

func entryIDs(entries []*feedv1.FeedEntry) []int64 {
	ids := make([]int64, len(entries))
	for i, e := range entries {
		ids[i] = e.GetVideoId()
	}
	return ids
}
