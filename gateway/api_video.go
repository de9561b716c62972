package gateway

import (
	"context"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/page"
)

const (
	// everything is the bound of a list that is asked for without a page size.
	everything = 1000
	// maxPage is the largest page size a client may ask for.
	maxPage = 50
)

// pageSize answers how many entries a list gives: all, up to a bound, unless the client asks for pages.
func pageSize(requested int32) (int32, error) {
	n, err := page.Size("page_size", requested, everything, maxPage)
	return int32(n), err
}

// GetVideo answers one video.
func (g *Gateway) GetVideo(ctx context.Context, req *apiv1.GetVideoRequest) (*apiv1.GetVideoResponse, error) {
	videos, err := g.videos(ctx, []int64{req.GetVideoId()})
	if err != nil {
		return nil, err
	}
	if len(videos) == 0 {
		return nil, fault.NotFound("no such video").For(videov1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND)
	}
	return &apiv1.GetVideoResponse{Video: videos[0]}, nil
}

// ListPublishedVideos answers a user's videos.
func (g *Gateway) ListPublishedVideos(ctx context.Context, req *apiv1.ListPublishedVideosRequest) (*apiv1.ListPublishedVideosResponse, error) {
	author, size, err := g.listOf(ctx, req.GetUserId(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	list, err := g.Video.ListAuthorVideos(ctx, &videov1.ListAuthorVideosRequest{AuthorId: author, PageSize: size, PageToken: req.GetPageToken()})
	if err != nil {
		return nil, err
	}
	ids := make([]int64, len(list.GetVideos()))
	for i, v := range list.GetVideos() {
		ids[i] = v.GetId()
	}
	videos, err := g.videos(ctx, ids)
	return &apiv1.ListPublishedVideosResponse{VideoList: videos, NextPageToken: list.GetNextPageToken()}, err
}

// maxUnseenPages is how many pages without a video are passed over at once.
const maxUnseenPages = 20

// seenPage reads a page of videos. Pages of which the caller may see no video are
// passed over: clients take an empty page for the last.
func seenPage(token string, read func(token string) ([]*apiv1.Video, string, error)) ([]*apiv1.Video, string, error) {
	for range maxUnseenPages {
		videos, next, err := read(token)
		if token = next; err != nil || len(videos) > 0 || token == "" {
			return videos, token, err
		}
	}
	return nil, token, nil
}

// RetryTranscode makes the renditions of a video of the caller once more.
func (g *Gateway) RetryTranscode(ctx context.Context, req *apiv1.RetryTranscodeRequest) (*apiv1.RetryTranscodeResponse, error) {
	_, err := g.Video.RetryTranscode(ctx, &videov1.RetryTranscodeRequest{VideoId: req.GetVideoId(), IdempotencyKey: req.GetIdempotencyKey()})
	return &apiv1.RetryTranscodeResponse{}, err
}

// ReportViews counts that the caller, or a guest, watched videos.
func (g *Gateway) ReportViews(ctx context.Context, req *apiv1.ReportViewsRequest) (*apiv1.ReportViewsResponse, error) {
	if err := g.allowViews(ctx); err != nil {
		return nil, err
	}
	report := &interactionv1.ReportViewsRequest{IdempotencyKey: req.GetIdempotencyKey()}
	for _, v := range req.GetViews() {
		report.Views = append(report.Views, &interactionv1.View{
			VideoId: v.GetVideoId(), WatchedMs: v.GetWatchedMs(), Loops: v.GetLoops(),
			Source: v.GetSource(), Position: v.GetPosition(), SlateId: v.GetSlateId(),
		})
	}
	res, err := g.Interaction.ReportViews(ctx, report)
	return &apiv1.ReportViewsResponse{UnknownVideoIds: res.GetUnknownVideoIds()}, err
}

// UpdateVideo changes a video of the caller.
func (g *Gateway) UpdateVideo(ctx context.Context, req *apiv1.UpdateVideoRequest) (*apiv1.UpdateVideoResponse, error) {
	visibility, err := visibilityOf(req.GetVisibility())
	if err != nil {
		return nil, err
	}
	_, err = g.Video.UpdateVideo(ctx, &videov1.UpdateVideoRequest{
		VideoId: req.GetVideoId(), Title: req.Title, Visibility: visibility, IdempotencyKey: req.GetIdempotencyKey(),
	})
	if err != nil {
		return nil, err
	}
	videos, err := g.videos(ctx, []int64{req.GetVideoId()})
	if err != nil || len(videos) == 0 { // changed all the same
		videos = []*apiv1.Video{{Id: req.GetVideoId()}}
	}
	return &apiv1.UpdateVideoResponse{Video: videos[0]}, nil
}

// DeleteVideo deletes a video of the caller.
func (g *Gateway) DeleteVideo(ctx context.Context, req *apiv1.DeleteVideoRequest) (*apiv1.DeleteVideoResponse, error) {
	_, err := g.Video.DeleteVideo(ctx, &videov1.DeleteVideoRequest{VideoId: req.GetVideoId(), IdempotencyKey: req.GetIdempotencyKey()})
	return &apiv1.DeleteVideoResponse{}, err
}

// listOf checks whose list is asked for, and how much of it.
func (g *Gateway) listOf(ctx context.Context, userID int64, requested int32) (int64, int32, error) {
	size, err := pageSize(requested)
	if err != nil {
		return 0, 0, err
	}
	id, err := userOrCaller(ctx, userID)
	if err != nil {
		return 0, 0, err
	}
	return id, size, g.mustExist(ctx, id)
}
