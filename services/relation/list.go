package relation

import (
	"context"

	relationv1 "douyin.dev/gen/douyin/relation/v1"
	"douyin.dev/services/platform/page"
)

const (
	defaultPage = 30
	maxPage     = 10_000
	// maxFriendsPage is less: a page of friends joins two lists.
	maxFriendsPage = 1000
)

// ListFollowing answers whom a user follows, most recent first.
func (s *Service) ListFollowing(ctx context.Context, req *relationv1.ListFollowingRequest) (*relationv1.ListFollowingResponse, error) {
	ids, next, err := s.list(ctx, followingSQL, req, maxPage)
	if err != nil {
		return nil, err
	}
	return &relationv1.ListFollowingResponse{UserIds: ids, NextPageToken: next}, nil
}

// ListFollowers answers who follows a user, most recent first.
func (s *Service) ListFollowers(ctx context.Context, req *relationv1.ListFollowersRequest) (*relationv1.ListFollowersResponse, error) {
	ids, next, err := s.list(ctx, followersSQL, req, maxPage)
	if err != nil {
		return nil, err
	}
	return &relationv1.ListFollowersResponse{UserIds: ids, NextPageToken: next}, nil
}

// ListFriends answers those who follow a user and are followed back, most
// recently followed first.
func (s *Service) ListFriends(ctx context.Context, req *relationv1.ListFriendsRequest) (*relationv1.ListFriendsResponse, error) {
	ids, next, err := s.list(ctx, friendsSQL, req, maxFriendsPage)
	if err != nil {
		return nil, err
	}
	return &relationv1.ListFriendsResponse{UserIds: ids, NextPageToken: next}, nil
}

// listRequest is what the three requests have in common.
type listRequest interface {
	GetUserId() int64
	GetPageSize() int32
	GetPageToken() string
}

// list returns a page and the token of the next one: empty at the end. A user
// that does not exist has empty lists.
func (s *Service) list(ctx context.Context, query string, req listRequest, limit int) ([]int64, string, error) {
	size, err := page.Size("page_size", req.GetPageSize(), defaultPage, limit)
	if err != nil {
		return nil, "", err
	}
	after, err := page.Parse("page_token", req.GetPageToken())
	if err != nil {
		return nil, "", err
	}
	// One more than asked for tells whether this is the end.
	entries, err := s.store.list(ctx, query, req.GetUserId(), after, size+1)
	if err != nil {
		return nil, "", err
	}
	var next string
	if len(entries) > size {
		entries = entries[:size]
		last := entries[size-1]
		next = page.Cursor{Time: last.CreatedAt, ID: last.UserID}.Token()
	}
	ids := make([]int64, len(entries))
	for i, e := range entries {
		ids[i] = e.UserID
	}
	return ids, next, nil
}
