package interaction

import (
	"context"
	"fmt"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/page"
)

// LikeVideo implements interactionv1connect.InteractionServiceHandler.
func (s *Service) LikeVideo(ctx context.Context, req *interactionv1.LikeVideoRequest) (*interactionv1.LikeVideoResponse, error) {
	if err := s.toggle(ctx, req.GetVideoId(), true); err != nil {
		return nil, fmt.Errorf("like video: %w", err)
	}
	return &interactionv1.LikeVideoResponse{}, nil
}

// UnlikeVideo implements interactionv1connect.InteractionServiceHandler.
func (s *Service) UnlikeVideo(ctx context.Context, req *interactionv1.UnlikeVideoRequest) (*interactionv1.UnlikeVideoResponse, error) {
	if err := s.toggle(ctx, req.GetVideoId(), false); err != nil {
		return nil, fmt.Errorf("unlike video: %w", err)
	}
	return &interactionv1.UnlikeVideoResponse{}, nil
}

func (s *Service) toggle(ctx context.Context, videoID int64, liked bool) error {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return err
	}
	author, err := s.videos.author(ctx, videoID)
	if err != nil {
		return err
	}
	exists, err := s.toggles.Do(ctx, toggle{
		userID: viewer.UserID, videoID: videoID, authorID: author, liked: liked, at: s.now().UnixMicro(),
	})
	if err != nil {
		return err
	}
	if !exists {
		return noSuchVideo()
	}
	return nil
}

// BatchCheckLikes implements interactionv1connect.InteractionServiceHandler.
func (s *Service) BatchCheckLikes(ctx context.Context, req *interactionv1.BatchCheckLikesRequest) (*interactionv1.BatchCheckLikesResponse, error) {
	if len(req.GetVideoIds()) > maxIDs {
		return nil, fault.Invalid("video_ids", "must have at most 1000 entries")
	}
	liked, err := s.liked.Among(ctx, req.GetUserId(), req.GetVideoIds())
	if err != nil {
		return nil, fmt.Errorf("check likes: %w", err)
	}
	return &interactionv1.BatchCheckLikesResponse{LikedVideoIds: liked}, nil
}

// ListLikedVideos implements interactionv1connect.InteractionServiceHandler.
func (s *Service) ListLikedVideos(ctx context.Context, req *interactionv1.ListLikedVideosRequest) (*interactionv1.ListLikedVideosResponse, error) {
	size, after, err := pageOf(req)
	if err != nil {
		return nil, err
	}
	// One more tells whether there is a next page.
	places, err := s.store.listLikes(ctx, req.GetUserId(), after, size+1)
	if err != nil {
		return nil, fmt.Errorf("list likes: %w", err)
	}
	res := &interactionv1.ListLikedVideosResponse{}
	if len(places) > size {
		places = places[:size]
		last := places[size-1]
		res.NextPageToken = page.Cursor{Time: last.CreatedAt, ID: last.VideoID}.Token()
	}
	for _, p := range places {
		res.VideoIds = append(res.VideoIds, p.VideoID)
	}
	return res, nil
}

// pageOf reads the paging fields of a list request.
func pageOf(req interface {
	GetPageSize() int32
	GetPageToken() string
}) (size int, after *page.Cursor, err error) {
	if size, err = page.Size("page_size", req.GetPageSize(), defaultPage, maxPage); err != nil {
		return 0, nil, err
	}
	after, err = page.Parse("page_token", req.GetPageToken())
	return size, after, err
}
