package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	counterv1 "douyin.dev/gen/douyin/counter/v1"
	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	relationv1 "douyin.dev/gen/douyin/relation/v1"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/pause"
)

const (
	// weighEvery is how often the weights of what was liked, viewed or followed are
	// read: by then the counters have applied the same events.
	weighEvery = 5 * time.Second
	// maxPopular bounds the videos and users that wait for it; beyond it the next like counts.
	maxPopular = 100_000
	// weightSteps is how many steps of weight a doubling makes.
	weightSteps = 8
	// viewsPerLike is how many views weigh as much as a like.
	viewsPerLike = 10
)

// popular collects what became more popular. What waits here when the process ends is
// weighed after its next like, view or follower. Safe for concurrent use.
type popular struct {
	mu            sync.Mutex
	videos, users map[int64]struct{}
}

func (p *popular) add(videos, users []int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.videos, p.users = with(p.videos, videos), with(p.users, users)
}

func with(set map[int64]struct{}, ids []int64) map[int64]struct{} {
	if set == nil {
		set = map[int64]struct{}{}
	}
	for _, id := range ids {
		if len(set) < maxPopular {
			set[id] = struct{}{}
		}
	}
	return set
}

// take returns what was collected, and forgets it.
func (p *popular) take() (videos, users []int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.videos {
		videos = append(videos, id)
	}
	for id := range p.users {
		users = append(users, id)
	}
	p.videos, p.users = nil, nil
	return videos, users
}

// handlePopularity notes what was liked, viewed or followed.
func (s *Service) handlePopularity(_ context.Context, batch []bus.Message) error {
	var videos, users []int64
	for _, m := range batch {
		switch m.Topic {
		case outbox.Topic(&interactionv1.LikeChanged{}):
			e, err := outbox.Decode(m, &interactionv1.LikeChanged{})
			if err != nil {
				return err
			}
			videos = append(videos, e.GetVideoId())
		case outbox.Topic(&interactionv1.VideosViewed{}):
			e, err := outbox.Decode(m, &interactionv1.VideosViewed{})
			if err != nil {
				return err
			}
			for _, v := range e.GetViews() {
				videos = append(videos, v.GetVideoId())
			}
		case outbox.Topic(&relationv1.FollowChanged{}):
			e, err := outbox.Decode(m, &relationv1.FollowChanged{})
			if err != nil {
				return err
			}
			users = append(users, e.GetFolloweeId())
		default:
			return bus.Poison(errors.New("a message of another topic"))
		}
	}
	s.popular.add(videos, users)
	return nil
}

// Weigh raises the weights of what became more popular, until ctx ends.
func (s *Service) Weigh(ctx context.Context) error {
	for pause.For(ctx, weighEvery) {
		if err := s.weighOnce(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "weights of search results are not raised now", "error", err)
		}
	}
	return nil
}

// weighOnce raises the weights of what was collected; what fails is collected again.
func (s *Service) weighOnce(ctx context.Context) error {
	videos, users := s.popular.take()
	if err := inChunks(ctx, videos, s.weighVideos); err != nil {
		s.popular.add(videos, users)
		return err
	}
	if err := inChunks(ctx, users, s.weighUsers); err != nil {
		s.popular.add(nil, users)
		return err
	}
	return nil
}

func (s *Service) weighVideos(ctx context.Context, ids []int64) error {
	res, err := s.counts.BatchGetVideoCounts(ctx, &counterv1.BatchGetVideoCountsRequest{VideoIds: ids})
	if err != nil {
		return fmt.Errorf("read counts: %w", err)
	}
	weights := make(map[int64]int32, len(ids))
	for _, c := range res.GetCounts() {
		weights[c.GetVideoId()] = weightOf(float64(c.GetFavoriteCount()) + float64(c.GetViewCount())/viewsPerLike)
	}
	return s.store.raise(ctx, ofVideo, weights)
}

func (s *Service) weighUsers(ctx context.Context, ids []int64) error {
	res, err := s.counts.BatchGetUserCounts(ctx, &counterv1.BatchGetUserCountsRequest{UserIds: ids})
	if err != nil {
		return fmt.Errorf("read counts: %w", err)
	}
	weights := make(map[int64]int32, len(ids))
	for _, c := range res.GetCounts() {
		weights[c.GetUserId()] = weightOf(float64(c.GetFollowerCount()))
	}
	return s.store.raise(ctx, ofUser, weights)
}

// weightOf is the logarithm of a count in steps, 0 for 0.
func weightOf(count float64) int32 { return int32(weightSteps * math.Log2(1+count)) }
