package video

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	relationv1 "douyin.dev/gen/douyin/relation/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
)

// Relations is what visibility depends on: who follows whom. The relation
// service's client is one.
type Relations interface {
	BatchCheckFollows(context.Context, *relationv1.BatchCheckFollowsRequest) (*relationv1.BatchCheckFollowsResponse, error)
	BatchCheckFollowers(context.Context, *relationv1.BatchCheckFollowersRequest) (*relationv1.BatchCheckFollowersResponse, error)
}

// relation is what a viewer and an author are to each other.
type relation struct {
	self                bool // the viewer is the author
	follows, followedBy bool // the viewer follows the author, and is followed by the author
}

// canSee decides who may see a video. Lists, likes, comments, counts, links and
// files all come to it, most of them by BatchCheckVisible.
func canSee(r relation, visibility videov1.Visibility) bool {
	switch visibility {
	case videov1.Visibility_VISIBILITY_UNSPECIFIED, videov1.Visibility_VISIBILITY_PUBLIC, videov1.Visibility_VISIBILITY_UNLISTED:
		return true
	case videov1.Visibility_VISIBILITY_FOLLOWERS:
		return r.self || r.follows
	case videov1.Visibility_VISIBILITY_FRIENDS:
		return r.self || r.follows && r.followedBy
	default:
		return r.self
	}
}

// restricted reports whether there is anybody who may not see a video.
func restricted(visibility videov1.Visibility) bool { return !canSee(relation{}, visibility) }

// fedVisibilities are those of the videos in following feeds.
var fedVisibilities = []videov1.Visibility{
	videov1.Visibility_VISIBILITY_PUBLIC, videov1.Visibility_VISIBILITY_FOLLOWERS, videov1.Visibility_VISIBILITY_FRIENDS,
}

// listed returns the visibilities of the videos that an author's list shows to a
// viewer: all to the author, and no unlisted ones to others.
func listed(r relation) []videov1.Visibility {
	if r.self {
		return append(fedVisibilities[:len(fedVisibilities):len(fedVisibilities)],
			videov1.Visibility_VISIBILITY_UNLISTED, videov1.Visibility_VISIBILITY_PRIVATE)
	}
	var seen []videov1.Visibility
	for _, visibility := range fedVisibilities {
		if canSee(r, visibility) {
			seen = append(seen, visibility)
		}
	}
	return seen
}

func checkVisibility(visibility videov1.Visibility) error {
	if _, known := videov1.Visibility_name[int32(visibility)]; !known {
		return fault.Invalid("visibility", "must be public, followers, friends, unlisted or private")
	}
	return nil
}

// newMediaSecret returns what signs the URLs of a restricted video's files.
func newMediaSecret() []byte {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	return secret
}

// BatchCheckVisible implements VideoService.
func (s *Service) BatchCheckVisible(ctx context.Context, req *videov1.BatchCheckVisibleRequest) (*videov1.BatchCheckVisibleResponse, error) {
	ids := distinct(req.GetVideoIds())
	if len(ids) > maxBatch {
		return nil, fault.Invalid("video_ids", "must be at most 1000")
	}
	videos, err := s.cardsOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	var authors []int64
	for _, v := range videos {
		if v.GetRestricted() {
			authors = append(authors, v.GetAuthorId())
		}
	}
	relations, err := s.relationsOf(ctx, req.GetViewerId(), distinct(authors))
	if err != nil {
		return nil, err
	}
	res := &videov1.BatchCheckVisibleResponse{}
	for _, v := range videos {
		if canSee(relations[v.GetAuthorId()], v.GetVisibility()) {
			res.VisibleVideoIds = append(res.VisibleVideoIds, v.GetId())
		}
	}
	return res, nil
}

// relationsOf returns what a viewer is to authors; nothing to those left out.
func (s *Service) relationsOf(ctx context.Context, viewer int64, authors []int64) (map[int64]relation, error) {
	if viewer == 0 {
		return nil, nil // a guest
	}
	relations := map[int64]relation{viewer: {self: true}}
	authors = slices.DeleteFunc(authors, func(author int64) bool { return author == viewer })
	if len(authors) == 0 {
		return relations, nil
	}
	var follows *relationv1.BatchCheckFollowsResponse
	var followers *relationv1.BatchCheckFollowersResponse
	calls, ctx := errgroup.WithContext(ctx)
	calls.Go(func() (err error) {
		follows, err = s.relations.BatchCheckFollows(ctx, &relationv1.BatchCheckFollowsRequest{FollowerId: viewer, UserIds: authors})
		return err
	})
	calls.Go(func() (err error) {
		followers, err = s.relations.BatchCheckFollowers(ctx, &relationv1.BatchCheckFollowersRequest{FolloweeId: viewer, UserIds: authors})
		return err
	})
	if err := calls.Wait(); err != nil {
		return nil, fmt.Errorf("check relations: %w", err)
	}
	for _, author := range follows.GetFollowedUserIds() {
		r := relations[author]
		r.follows = true
		relations[author] = r
	}
	for _, author := range followers.GetFollowerUserIds() {
		r := relations[author]
		r.followedBy = true
		relations[author] = r
	}
	return relations, nil
}
