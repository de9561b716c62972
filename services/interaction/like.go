package interaction

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/page"
	"douyin.dev/services/platform/pg"
)

// LikeVideo implements interactionv1connect.InteractionServiceHandler.
func (s *Service) LikeVideo(ctx context.Context, req *interactionv1.LikeVideoRequest) (*interactionv1.LikeVideoResponse, error) {
	if err := s.toggle(ctx, req, true); err != nil {
		return nil, fmt.Errorf("like video: %w", err)
	}
	return &interactionv1.LikeVideoResponse{}, nil
}

// UnlikeVideo implements interactionv1connect.InteractionServiceHandler.
func (s *Service) UnlikeVideo(ctx context.Context, req *interactionv1.UnlikeVideoRequest) (*interactionv1.UnlikeVideoResponse, error) {
	if err := s.toggle(ctx, req, false); err != nil {
		return nil, fmt.Errorf("unlike video: %w", err)
	}
	return &interactionv1.UnlikeVideoResponse{}, nil
}

// toggleRequest is what LikeVideoRequest and UnlikeVideoRequest have in common.
type toggleRequest interface {
	GetVideoId() int64
	GetIdempotencyKey() string
}

func (s *Service) toggle(ctx context.Context, req toggleRequest, liked bool) error {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return err
	}
	t := toggle{userID: viewer.UserID, videoID: req.GetVideoId(), liked: liked, at: s.now().UnixMicro()}
	if req.GetIdempotencyKey() != "" {
		return s.toggleOnce(ctx, t, req.GetIdempotencyKey())
	}
	if t.authorID, err = s.videos.author(ctx, t.videoID); err != nil {
		return err
	}
	exists, err := s.toggles.Do(ctx, t)
	if err != nil {
		return err
	}
	if !exists {
		return noSuchVideo()
	}
	return nil
}

// toggleOnce toggles under an idempotency key.
func (s *Service) toggleOnce(ctx context.Context, t toggle, key string) error {
	var request proto.Message = &interactionv1.UnlikeVideoRequest{VideoId: t.videoID}
	if t.liked {
		request = &interactionv1.LikeVideoRequest{VideoId: t.videoID}
	}
	// A video that is gone does not take the answer back that its key once got.
	author, unknown := s.videos.author(ctx, t.videoID)
	t.authorID = author
	err := pg.Once(ctx, s.store.db, t.userID, key, request, &emptypb.Empty{}, func(tx pgx.Tx) error {
		if unknown != nil {
			return unknown
		}
		exists, err := writeLikes(ctx, tx, s.store.gateClass, []toggle{t})
		if err == nil && !exists[0] {
			err = noSuchVideo()
		}
		return err
	})
	if err == nil {
		s.wake()
	}
	return err
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
