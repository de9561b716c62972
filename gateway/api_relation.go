package gateway

import (
	"context"

	"golang.org/x/sync/errgroup"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	counterv1 "douyin.dev/gen/douyin/counter/v1"
	messagev1 "douyin.dev/gen/douyin/message/v1"
	relationv1 "douyin.dev/gen/douyin/relation/v1"
)

// Follow follows a user.
func (g *Gateway) Follow(ctx context.Context, req *apiv1.FollowRequest) (*apiv1.FollowResponse, error) {
	_, err := g.Relation.Follow(ctx, &relationv1.FollowRequest{UserId: req.GetToUserId(), IdempotencyKey: req.GetIdempotencyKey()})
	return &apiv1.FollowResponse{}, err
}

// Unfollow ends a follow.
func (g *Gateway) Unfollow(ctx context.Context, req *apiv1.UnfollowRequest) (*apiv1.UnfollowResponse, error) {
	_, err := g.Relation.Unfollow(ctx, &relationv1.UnfollowRequest{UserId: req.GetToUserId(), IdempotencyKey: req.GetIdempotencyKey()})
	return &apiv1.UnfollowResponse{}, err
}

// ListFollowing answers whom a user follows.
func (g *Gateway) ListFollowing(ctx context.Context, req *apiv1.ListFollowingRequest) (*apiv1.ListFollowingResponse, error) {
	user, size, err := g.listOf(ctx, req.GetUserId(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	list, err := g.Relation.ListFollowing(ctx, &relationv1.ListFollowingRequest{UserId: user, PageSize: size, PageToken: req.GetPageToken()})
	if err != nil {
		return nil, err
	}
	users, err := g.users(ctx, list.GetUserIds())
	return &apiv1.ListFollowingResponse{UserList: inOrder(list.GetUserIds(), users), NextPageToken: list.GetNextPageToken()}, err
}

// ListFollowers answers who follows a user.
func (g *Gateway) ListFollowers(ctx context.Context, req *apiv1.ListFollowersRequest) (*apiv1.ListFollowersResponse, error) {
	user, size, err := g.listOf(ctx, req.GetUserId(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	list, err := g.Relation.ListFollowers(ctx, &relationv1.ListFollowersRequest{UserId: user, PageSize: size, PageToken: req.GetPageToken()})
	if err != nil {
		return nil, err
	}
	users, err := g.users(ctx, list.GetUserIds())
	return &apiv1.ListFollowersResponse{UserList: inOrder(list.GetUserIds(), users), NextPageToken: list.GetNextPageToken()}, err
}

// ListFriends answers a user's friends, with the newest message between each and the caller.
func (g *Gateway) ListFriends(ctx context.Context, req *apiv1.ListFriendsRequest) (*apiv1.ListFriendsResponse, error) {
	caller, err := callerID(ctx)
	if err != nil {
		return nil, err
	}
	user, size, err := g.listOf(ctx, req.GetUserId(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	list, err := g.Relation.ListFriends(ctx, &relationv1.ListFriendsRequest{UserId: user, PageSize: size, PageToken: req.GetPageToken()})
	if err != nil {
		return nil, err
	}
	var users map[int64]*apiv1.User
	var latest *messagev1.BatchGetLatestMessagesResponse
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		users, err = g.users(gctx, list.GetUserIds())
		return err
	})
	group.Go(func() (err error) {
		optional, cancel := forOptionals(gctx)
		defer cancel()
		latest, err = readOptional(optional, &g.optional.latestMessages, func(ctx context.Context) (*messagev1.BatchGetLatestMessagesResponse, error) {
			return g.Message.BatchGetLatestMessages(ctx, &messagev1.BatchGetLatestMessagesRequest{PeerIds: list.GetUserIds()})
		})
		g.optional.latestMessages.logDegraded(optional, g.Log, "latest messages", err)
		return nil
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return &apiv1.ListFriendsResponse{
		UserList:      friends(caller, inOrder(list.GetUserIds(), users), latest.GetMessages()),
		NextPageToken: list.GetNextPageToken(),
	}, nil
}

// friends joins users with the newest message between each and the caller.
func friends(caller int64, users []*apiv1.User, latest []*messagev1.Message) []*apiv1.Friend {
	byPeer := make(map[int64]*messagev1.Message, len(latest))
	for _, m := range latest {
		byPeer[m.GetFromUserId()+m.GetToUserId()-caller] = m
	}
	list := make([]*apiv1.Friend, len(users))
	for i, u := range users {
		list[i] = &apiv1.Friend{
			Id: u.GetId(), Name: u.GetName(), FollowCount: u.GetFollowCount(), FollowerCount: u.GetFollowerCount(),
			IsFollow: u.GetIsFollow(), Avatar: u.GetAvatar(), BackgroundImage: u.GetBackgroundImage(), Signature: u.GetSignature(),
			TotalFavorited: u.GetTotalFavorited(), WorkCount: u.GetWorkCount(), FavoriteCount: u.GetFavoriteCount(),
		}
		if m := byPeer[u.GetId()]; m != nil {
			list[i].Message = m.GetContent()
			if m.GetFromUserId() == caller {
				list[i].MsgType = 1
			}
		}
	}
	return list
}

// CountFollowing answers how many a user follows.
func (g *Gateway) CountFollowing(ctx context.Context, req *apiv1.CountFollowingRequest) (*apiv1.CountFollowingResponse, error) {
	counts, err := g.userCounts(ctx, req.GetUserId())
	return &apiv1.CountFollowingResponse{Count: counts.GetFollowCount()}, err
}

// CountFollowers answers how many follow a user.
func (g *Gateway) CountFollowers(ctx context.Context, req *apiv1.CountFollowersRequest) (*apiv1.CountFollowersResponse, error) {
	counts, err := g.userCounts(ctx, req.GetUserId())
	return &apiv1.CountFollowersResponse{Count: counts.GetFollowerCount()}, err
}

func (g *Gateway) userCounts(ctx context.Context, asked int64) (*counterv1.UserCounts, error) {
	id, _, err := g.listOf(ctx, asked, 0)
	if err != nil {
		return nil, err
	}
	res, err := g.Counter.BatchGetUserCounts(ctx, &counterv1.BatchGetUserCountsRequest{UserIds: []int64{id}})
	if err != nil {
		return nil, err
	}
	return res.GetCounts()[0], nil
}

// CheckFollow answers whether the caller follows a user.
func (g *Gateway) CheckFollow(ctx context.Context, req *apiv1.CheckFollowRequest) (*apiv1.CheckFollowResponse, error) {
	caller, err := callerID(ctx)
	if err != nil {
		return nil, err
	}
	if err := g.mustExist(ctx, req.GetToUserId()); err != nil {
		return nil, err
	}
	res, err := g.Relation.BatchCheckFollows(ctx, &relationv1.BatchCheckFollowsRequest{FollowerId: caller, UserIds: []int64{req.GetToUserId()}})
	return &apiv1.CheckFollowResponse{Result: len(res.GetFollowedUserIds()) > 0}, err
}
