package interaction

import (
	"context"
	"fmt"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/outbox"
)

const (
	// consumerGroup follows the life of videos.
	consumerGroup = "interaction"
	// clearLimit bounds the rows of one transaction of a clearing.
	clearLimit = 500
)

// Subscription returns what this service listens to.
func (s *Service) Subscription() bus.Subscription {
	return bus.Subscription{
		Group:  consumerGroup,
		Topics: []string{outbox.Topic(&videov1.VideoChanged{})},
		Handle: s.handleVideos,
	}
}

// handleVideos clears deleted videos. It keeps no record of events: a video
// whose deletion comes again has nothing left to clear.
func (s *Service) handleVideos(ctx context.Context, batch []bus.Message) error {
	for _, m := range batch {
		e, err := outbox.Decode(m, &videov1.VideoChanged{})
		if err != nil {
			return err
		}
		if e.GetState() == videov1.VideoState_VIDEO_STATE_EDITED {
			s.videos.forget(e.GetVideoId())
		}
		if e.GetState() != videov1.VideoState_VIDEO_STATE_DELETED {
			continue
		}
		if err := s.clearVideo(ctx, e.GetVideoId()); err != nil {
			return fmt.Errorf("clear deleted video: %w", err)
		}
	}
	return nil
}

// clearVideo refuses what is new and deletes what is there, a bounded number of
// rows at a time.
func (s *Service) clearVideo(ctx context.Context, videoID int64) error {
	if err := s.store.buryVideo(ctx, videoID); err != nil {
		return err
	}
	s.videos.forget(videoID)
	for _, clear := range []func(context.Context, int64, int) (bool, error){s.store.clearLikes, s.store.clearComments} {
		for more := true; more; {
			var err error
			if more, err = clear(ctx, videoID, clearLimit); err != nil {
				return err
			}
			s.wake()
		}
	}
	return nil
}
