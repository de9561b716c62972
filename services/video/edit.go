package video

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/pg"
)

// UpdateVideo implements VideoService.
func (s *Service) UpdateVideo(ctx context.Context, req *videov1.UpdateVideoRequest) (*videov1.UpdateVideoResponse, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(checkTitle(req.GetTitle()), checkVisibility(req.GetVisibility())); err != nil {
		return nil, err
	}
	request, answer := proto.CloneOf(req), &videov1.UpdateVideoResponse{}
	request.IdempotencyKey = ""
	err = pg.Once(ctx, s.db, viewer.UserID, req.GetIdempotencyKey(), request, answer, func(tx pgx.Tx) error {
		return edit(ctx, tx, viewer.UserID, req)
	})
	if err == nil || !refused(err) {
		s.tellAfterWrite(ctx, req.GetVideoId())
	}
	if err != nil {
		return nil, fmt.Errorf("update video: %w", err)
	}
	s.wake()
	return answer, nil
}

const editSQL = `UPDATE video SET title = @title, visibility = @visibility, version = version + 1,
    media_secret = CASE WHEN media_secret = '' THEN @secret ELSE media_secret END WHERE id = @id`

// edit changes what a request names, and announces it when anything is other than before.
func edit(ctx context.Context, tx pgx.Tx, viewer int64, req *videov1.UpdateVideoRequest) error {
	before, err := lock(ctx, tx, req.GetVideoId())
	switch {
	case errors.Is(err, pgx.ErrNoRows) || err == nil && before.GetAuthorId() != viewer:
		return noSuchVideo()
	case err != nil:
		return err
	}
	now := proto.CloneOf(before)
	if req.Title != nil {
		now.Title = req.GetTitle()
	}
	now.Visibility = cmp.Or(req.GetVisibility(), before.GetVisibility())
	if proto.Equal(now, before) {
		return nil
	}
	secret := []byte{}
	if restricted(now.GetVisibility()) {
		secret = newMediaSecret()
	}
	_, err = tx.Exec(ctx, editSQL, pgx.NamedArgs{
		"id": now.GetId(), "title": now.GetTitle(), "visibility": now.GetVisibility(), "secret": secret,
	})
	if err != nil {
		return fmt.Errorf("edit video: %w", err)
	}
	event := changed(now, videov1.VideoState_VIDEO_STATE_EDITED)
	event.Message.(*videov1.VideoChanged).PreviousVisibility = before.GetVisibility()
	if err := outbox.Append(ctx, tx, event); err != nil {
		return err
	}
	return countChange(ctx, tx, now.GetId())
}
