package video

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"connectrpc.com/connect"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/pg"
)

const (
	// publishTimeout bounds what follows the last byte of an upload.
	publishTimeout = 2 * time.Minute
	// cleanupTimeout bounds the removal of objects after a failure.
	cleanupTimeout = 30 * time.Second
)

// PublishVideo implements VideoService.
func (s *Service) PublishVideo(ctx context.Context, stream *connect.ClientStream[videov1.PublishVideoRequest]) (*videov1.PublishVideoResponse, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return nil, err
	}
	u, err := s.spooler.receive(ctx, stream)
	if err != nil {
		return nil, err
	}
	defer u.Close()
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	return s.publish(ctx, viewer.UserID, u)
}

func (s *Service) publish(ctx context.Context, author int64, u *upload) (*videov1.PublishVideoResponse, error) {
	m, err := s.prober.Probe(ctx, u.file, u.size)
	if err != nil {
		return nil, err
	}
	cover, err := s.covers.picture(ctx, u.file, m)
	if err != nil {
		return nil, err
	}
	id, err := s.ids.Next()
	if err != nil {
		return nil, fault.Unavailable(err)
	}
	video := &videov1.Video{
		Id: id, AuthorId: author, Title: u.header.GetTitle(),
		MediaKey: prefix(id) + "original.mp4", CoverKey: prefix(id) + "cover.jpg",
		DurationMs: m.DurationMS, Width: m.Width, Height: m.Height, Version: 1,
		Visibility: cmp.Or(u.header.GetVisibility(), videov1.Visibility_VISIBILITY_PUBLIC),
	}
	if video.Restricted = restricted(video.GetVisibility()); video.GetRestricted() {
		video.MediaSecret = newMediaSecret()
	}
	if err := s.putFiles(ctx, video, u, cover); err != nil {
		s.removeFiles(ctx, video)
		return nil, fault.Unavailable(err)
	}
	res, err := s.announce(ctx, video, u)
	if err != nil {
		// When Postgres may have committed, the files may belong to a video;
		// when it has not, the janitor finds them.
		if refused(err) {
			s.removeFiles(ctx, video)
		} else {
			s.tellAfterWrite(ctx, id)
		}
		return nil, err
	}
	if res.GetVideo().GetId() != id { // a repeated call: the first one's files stay
		s.removeFiles(ctx, video)
	}
	s.wake()
	s.tellAfterWrite(ctx, res.GetVideo().GetId())
	return res, nil
}

// prefix begins the keys of a video's objects.
func prefix(id int64) string { return fmt.Sprintf("videos/%d/", id) }

func (s *Service) putFiles(ctx context.Context, v *videov1.Video, u *upload, cover []byte) error {
	if _, err := u.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewind upload: %w", err)
	}
	if err := s.objects.Put(ctx, v.GetMediaKey(), u.file, u.size, "video/mp4"); err != nil {
		return fmt.Errorf("store original: %w", err)
	}
	if err := s.objects.Put(ctx, v.GetCoverKey(), bytes.NewReader(cover), int64(len(cover)), "image/jpeg"); err != nil {
		return fmt.Errorf("store cover: %w", err)
	}
	return nil
}

// removeFiles removes what a failed upload stored. What it cannot remove now,
// the janitor removes later.
func (s *Service) removeFiles(ctx context.Context, v *videov1.Video) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if err := s.objects.Delete(ctx, v.GetMediaKey(), v.GetCoverKey()); err != nil {
		s.log.WarnContext(ctx, "files of a failed upload are left to the janitor", "video_id", v.GetId(), "error", err)
	}
}

// announce makes the video visible: its row and its event in one transaction.
func (s *Service) announce(ctx context.Context, v *videov1.Video, u *upload) (*videov1.PublishVideoResponse, error) {
	sum := u.sum.Sum(nil)
	// What makes two uploads the same request: the title, who may see it, and the bytes, here by their hash.
	request := &videov1.PublishVideoHeader{Title: v.GetTitle(), IdempotencyKey: hex.EncodeToString(sum), Visibility: u.header.GetVisibility()}
	res := &videov1.PublishVideoResponse{}
	err := pg.Once(ctx, s.db, v.GetAuthorId(), u.header.GetIdempotencyKey(), request, res, func(tx pgx.Tx) error {
		v.PublishedAtMs = s.publishTime()
		if err := insert(ctx, tx, v, u.size, sum); err != nil {
			return err
		}
		if err := queue(ctx, tx, v, v.GetPublishedAtMs()); err != nil {
			return err
		}
		res.Video = proto.CloneOf(v)
		res.Video.Title, res.Video.MediaSecret = "", nil // they must not outlive the video
		if err := outbox.Append(ctx, tx, changed(v, videov1.VideoState_VIDEO_STATE_PUBLISHED)); err != nil {
			return err
		}
		return countChange(ctx, tx, v.GetId())
	})
	if err != nil {
		return nil, fmt.Errorf("publish video: %w", err)
	}
	res.Video.Title = v.GetTitle()
	if res.Video.GetId() == v.GetId() {
		res.Video.MediaSecret = v.GetMediaSecret()
	}
	return res, nil
}

func changed(v *videov1.Video, state videov1.VideoState) outbox.Event {
	return outbox.Event{Key: v.GetId(), Message: &videov1.VideoChanged{
		VideoId: v.GetId(), AuthorId: v.GetAuthorId(), PublishedAtMs: v.GetPublishedAtMs(), State: state,
		Visibility: v.GetVisibility(),
	}}
}

// refused reports whether err says for certain that nothing was committed.
func refused(err error) bool { return !fault.IsOutcomeUnknown(err) }
