package search

import (
	"context"
	"errors"
	"fmt"
	"slices"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	relationv1 "douyin.dev/gen/douyin/relation/v1"
	userv1 "douyin.dev/gen/douyin/user/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/hashtag"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/search/token"
)

const (
	// consumerGroup follows what documents say, and popularityGroup how popular they are.
	consumerGroup, popularityGroup = "search", "search-popularity"
	// lookup is how many videos or users one call may name.
	lookup = 500
)

// Subscriptions returns what this service listens to. The two groups do not wait for
// each other: a wave of likes does not keep a new video from being found.
func (s *Service) Subscriptions() []bus.Subscription {
	return []bus.Subscription{
		{
			Group:  consumerGroup,
			Topics: []string{outbox.Topic(&videov1.VideoChanged{}), outbox.Topic(&userv1.UserChanged{})},
			Handle: s.handleChanges,
		},
		{
			Group: popularityGroup,
			Topics: []string{
				outbox.Topic(&interactionv1.LikeChanged{}), outbox.Topic(&interactionv1.VideosViewed{}), outbox.Topic(&relationv1.FollowChanged{}),
			},
			Handle: s.handlePopularity,
		},
	}
}

// handleChanges indexes what changed. It keeps no record of events: the owner's version
// says whether there is something to write.
func (s *Service) handleChanges(ctx context.Context, batch []bus.Message) error {
	var videos, users []int64
	for _, m := range batch {
		switch m.Topic {
		case outbox.Topic(&videov1.VideoChanged{}):
			e, err := outbox.Decode(m, &videov1.VideoChanged{})
			if err != nil {
				return err
			}
			videos = append(videos, e.GetVideoId())
		case outbox.Topic(&userv1.UserChanged{}):
			e, err := outbox.Decode(m, &userv1.UserChanged{})
			if err != nil {
				return err
			}
			users = append(users, e.GetUserId())
		default:
			return bus.Poison(errors.New("a message of another topic"))
		}
	}
	return errors.Join(inChunks(ctx, videos, s.indexVideos), inChunks(ctx, users, s.indexUsers))
}

// inChunks calls do with the distinct ids, at most lookup at a time.
func inChunks(ctx context.Context, ids []int64, do func(context.Context, []int64) error) error {
	slices.Sort(ids)
	for chunk := range slices.Chunk(slices.Compact(ids), lookup) {
		if err := do(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) indexVideos(ctx context.Context, ids []int64) error {
	documents, err := s.documentsOfVideos(ctx, ids)
	if err != nil {
		return err
	}
	return s.store.index(ctx, ofVideo, documents)
}

// documentsOfVideos makes the documents of videos, as the owner has them now.
func (s *Service) documentsOfVideos(ctx context.Context, ids []int64) ([]document, error) {
	res, err := s.videos.BatchGetVideos(ctx, &videov1.BatchGetVideosRequest{Ids: ids, Fresh: true})
	if err != nil {
		return nil, fmt.Errorf("look up videos: %w", err)
	}
	found := make(map[int64]*videov1.Video, len(res.GetVideos()))
	for _, v := range res.GetVideos() {
		found[v.GetId()] = v
	}
	documents := make([]document, len(ids))
	for i, id := range ids {
		documents[i] = ofTheVideo(id, found[id])
	}
	return documents, nil
}

// ofTheVideo is the document of a video; nil is one that was deleted.
func ofTheVideo(id int64, v *videov1.Video) document {
	switch {
	case v == nil:
		return document{kind: ofVideo, id: id, version: gone}
	case v.GetVisibility() != videov1.Visibility_VISIBILITY_PUBLIC && v.GetVisibility() != videov1.Visibility_VISIBILITY_UNSPECIFIED:
		return document{kind: ofVideo, id: id, version: v.GetVersion()}
	}
	return document{
		kind: ofVideo, id: id, version: v.GetVersion(),
		words: token.Document(v.GetTitle()), title: token.Fold(v.GetTitle()), tags: hashtag.Tags(v.GetTitle()),
	}
}

func (s *Service) indexUsers(ctx context.Context, ids []int64) error {
	documents, err := s.documentsOfUsers(ctx, ids)
	if err != nil {
		return err
	}
	return s.store.index(ctx, ofUser, documents)
}

// documentsOfUsers makes the documents of users.
func (s *Service) documentsOfUsers(ctx context.Context, ids []int64) ([]document, error) {
	res, err := s.users.BatchGetUsers(ctx, &userv1.BatchGetUsersRequest{Ids: ids})
	if err != nil {
		return nil, fmt.Errorf("look up users: %w", err)
	}
	documents := make([]document, 0, len(ids))
	for _, u := range res.GetUsers() {
		documents = append(documents, document{
			kind: ofUser, id: u.GetId(), version: u.GetVersion(), words: token.Document(u.GetName()), title: token.Fold(u.GetName()),
		})
	}
	return documents, nil
}
