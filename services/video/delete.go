package video

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/pg"
)

// DeleteVideo implements VideoService.
func (s *Service) DeleteVideo(ctx context.Context, req *videov1.DeleteVideoRequest) (*videov1.DeleteVideoResponse, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return nil, err
	}
	request, answer := &videov1.DeleteVideoRequest{VideoId: req.GetVideoId()}, &videov1.DeleteVideoResponse{}
	err = pg.Once(ctx, s.db, viewer.UserID, req.GetIdempotencyKey(), request, answer, func(tx pgx.Tx) error {
		return deleteVideo(ctx, tx, viewer.UserID, req.GetVideoId())
	})
	if err == nil || !refused(err) {
		s.tellAfterWrite(ctx, req.GetVideoId())
	}
	if err != nil {
		return nil, fmt.Errorf("delete video: %w", err)
	}
	s.wake()
	s.removeDeletedFiles(ctx, req.GetVideoId())
	return answer, nil
}

// removalTimeout bounds how long a deletion waits for the object store.
const removalTimeout = time.Second

// removeDeletedFiles removes the files of a video whose deletion is committed.
// What it cannot remove now, the janitor removes later.
func (s *Service) removeDeletedFiles(ctx context.Context, id int64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removalTimeout)
	defer cancel()
	if err := s.removeAll(ctx, id); err != nil {
		s.log.WarnContext(ctx, "files of a deleted video are left to the janitor", "video_id", id, "error", err)
	}
}

func deleteVideo(ctx context.Context, tx pgx.Tx, viewer, id int64) error {
	v, err := lock(ctx, tx, id)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return noSuchVideo()
	case err != nil:
		return err
	case v.GetAuthorId() != viewer && restricted(v.GetVisibility()):
		return noSuchVideo()
	case v.GetAuthorId() != viewer:
		return fault.Forbidden("only its author may delete a video")
	}
	if err := markDeleted(ctx, tx, id); err != nil {
		return err
	}
	if err := forgetTranscode(ctx, tx, id); err != nil {
		return err
	}
	if err := outbox.Append(ctx, tx, changed(v, videov1.VideoState_VIDEO_STATE_DELETED)); err != nil {
		return err
	}
	return countChange(ctx, tx, id)
}
