package video

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/outbox"

	v1 "douyin.dev/gen/douyin/video/v1"
)

// DeleteVideo implements VideoService.
func (s *Service) DeleteVideo(ctx context.Context, req *v1.DeleteVideoRequest) (*v1.DeleteVideoResponse, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return nil, err
	}
	err = s.db.InTx(ctx, func(tx pgx.Tx) error { return deleteVideo(ctx, tx, viewer.UserID, req.GetVideoId()) })
	if err == nil || !refused(err) {
		s.tellAfterWrite(ctx, req.GetVideoId())
	}
	if err != nil {
		return nil, fmt.Errorf("delete video: %w", err)
	}
	s.wake()
	return &v1.DeleteVideoResponse{}, nil
}

func deleteVideo(ctx context.Context, tx pgx.Tx, viewer, id int64) error {
	v, err := lock(ctx, tx, id)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fault.NotFound("no such video").For(v1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND)
	case err != nil:
		return err
	case v.GetAuthorId() != viewer:
		return fault.Forbidden("only its author may delete a video")
	}
	if err := markDeleted(ctx, tx, id); err != nil {
		return err
	}
	if err := outbox.Append(ctx, tx, changed(v, v1.VideoState_VIDEO_STATE_DELETED)); err != nil {
		return err
	}
	return countChange(ctx, tx, id)
}
