package relation

import (
	"context"
	"fmt"

	"connectrpc.com/connect"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	relationv1 "douyin.dev/gen/douyin/relation/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/pg"
)

// maxCheck bounds the users of a BatchCheckFollows or BatchCheckFollowers.
const maxCheck = 1000

func selfFollow() error {
	return fault.New(connect.CodeInvalidArgument, "cannot follow yourself").For(relationv1.ErrorReason_ERROR_REASON_SELF_FOLLOW)
}

func noSuchUser() error {
	return fault.NotFound("no such user").For(relationv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND)
}

// Follow makes the viewer follow a user.
func (s *Service) Follow(ctx context.Context, req *relationv1.FollowRequest) (*relationv1.FollowResponse, error) {
	p, err := pairOf(ctx, req.GetUserId())
	if err != nil {
		return nil, err
	}
	if req.GetIdempotencyKey() != "" {
		answer := &relationv1.FollowResponse{}
		return answer, s.changeOnce(ctx, p, true, req.GetIdempotencyKey(), &relationv1.FollowRequest{UserId: p.Followee}, answer)
	}
	if err := s.mustExist(ctx, p.Followee); err != nil {
		return nil, err
	}
	if _, err := s.change(ctx, p, true); err != nil {
		return nil, err
	}
	return &relationv1.FollowResponse{}, nil
}

// Unfollow ends a follow. Who was followed exists, so the user service is
// asked only when there was nothing to end.
func (s *Service) Unfollow(ctx context.Context, req *relationv1.UnfollowRequest) (*relationv1.UnfollowResponse, error) {
	p, err := pairOf(ctx, req.GetUserId())
	if err != nil {
		return nil, err
	}
	if req.GetIdempotencyKey() != "" {
		answer := &relationv1.UnfollowResponse{}
		return answer, s.changeOnce(ctx, p, false, req.GetIdempotencyKey(), &relationv1.UnfollowRequest{UserId: p.Followee}, answer)
	}
	changed, err := s.change(ctx, p, false)
	if err != nil {
		return nil, err
	}
	if changed {
		return &relationv1.UnfollowResponse{}, nil
	}
	if err := s.mustExist(ctx, p.Followee); err != nil {
		return nil, err
	}
	return &relationv1.UnfollowResponse{}, nil
}

// BatchCheckFollows answers which of the users a user follows.
func (s *Service) BatchCheckFollows(ctx context.Context, req *relationv1.BatchCheckFollowsRequest) (*relationv1.BatchCheckFollowsResponse, error) {
	if len(req.GetUserIds()) > maxCheck {
		return nil, fault.Invalid("user_ids", fmt.Sprintf("must be at most %d", maxCheck))
	}
	followed, err := s.followed.Among(ctx, req.GetFollowerId(), req.GetUserIds())
	if err != nil {
		return nil, fmt.Errorf("check follows: %w", err)
	}
	return &relationv1.BatchCheckFollowsResponse{FollowedUserIds: followed}, nil
}

// BatchCheckFollowers answers which of the users follow a user.
func (s *Service) BatchCheckFollowers(ctx context.Context, req *relationv1.BatchCheckFollowersRequest) (*relationv1.BatchCheckFollowersResponse, error) {
	if len(req.GetUserIds()) > maxCheck {
		return nil, fault.Invalid("user_ids", fmt.Sprintf("must be at most %d", maxCheck))
	}
	followers, err := s.followers.Among(ctx, req.GetFolloweeId(), req.GetUserIds())
	if err != nil {
		return nil, fmt.Errorf("check followers: %w", err)
	}
	return &relationv1.BatchCheckFollowersResponse{FollowerUserIds: followers}, nil
}

// pairOf is the viewer and whom the request names.
func pairOf(ctx context.Context, followee int64) (pair, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return pair{}, err
	}
	if viewer.UserID == followee {
		return pair{}, selfFollow()
	}
	return pair{Follower: viewer.UserID, Followee: followee}, nil
}

func (s *Service) mustExist(ctx context.Context, userID int64) error {
	exists, err := s.users.exists(ctx, userID)
	if err != nil {
		return err
	}
	if !exists {
		return noSuchUser()
	}
	return nil
}

// change answers after the commit, and whether anything changed.
func (s *Service) change(ctx context.Context, p pair, follows bool) (bool, error) {
	changed, err := s.writes.Do(ctx, change{pair: p, follows: follows, at: s.now().UnixMicro()})
	if err != nil {
		return false, err
	}
	if changed {
		s.wake()
	}
	return changed, nil
}

// changeOnce makes a change under an idempotency key.
func (s *Service) changeOnce(ctx context.Context, p pair, follows bool, key string, request, answer proto.Message) error {
	missing := s.mustExist(ctx, p.Followee)
	err := pg.Once(ctx, s.store.db, p.Follower, key, request, answer, func(tx pgx.Tx) error {
		if missing != nil {
			return missing
		}
		_, err := apply(ctx, tx, []change{{pair: p, follows: follows, at: s.now().UnixMicro()}})
		return err
	})
	if err == nil {
		s.wake()
	}
	return err
}
