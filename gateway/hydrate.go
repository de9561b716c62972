package gateway

import (
	"context"

	"golang.org/x/sync/errgroup"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	counterv1 "douyin.dev/gen/douyin/counter/v1"
	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	relationv1 "douyin.dev/gen/douyin/relation/v1"
	userv1 "douyin.dev/gen/douyin/user/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/auth"
)

// Hydration turns ids into what clients see. The number of calls does not
// depend on the number of ids: three for users, three more for videos.
//
// Who a user is and what a video is must be known, or the answer fails. Counts
// and the caller's own marks may be missing: a feed without counts beats no
// feed, so they stay at zero and the log says so.

// users answers the users that exist, by id.
func (g *Gateway) users(ctx context.Context, ids []int64) (map[int64]*apiv1.User, error) {
	ids = distinct(ids)
	if len(ids) == 0 {
		return map[int64]*apiv1.User{}, nil
	}
	var found *userv1.BatchGetUsersResponse
	var counts *counterv1.BatchGetUserCountsResponse
	var follows *relationv1.BatchCheckFollowsResponse
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		found, err = g.User.BatchGetUsers(gctx, &userv1.BatchGetUsersRequest{Ids: ids})
		return err
	})
	group.Go(func() (err error) {
		counts, err = g.Counter.BatchGetUserCounts(gctx, &counterv1.BatchGetUserCountsRequest{UserIds: ids})
		return g.spare(gctx, "user counts", err)
	})
	if viewer, ok := auth.ViewerFrom(ctx); ok {
		group.Go(func() (err error) {
			follows, err = g.Relation.BatchCheckFollows(gctx, &relationv1.BatchCheckFollowsRequest{FollowerId: viewer.UserID, UserIds: ids})
			return g.spare(gctx, "follows", err)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	base := originFrom(ctx).baseURL
	users := make(map[int64]*apiv1.User, len(ids))
	for _, u := range found.GetUsers() {
		users[u.GetId()] = &apiv1.User{
			Id: u.GetId(), Name: u.GetName(), Signature: u.GetSignature(),
			Avatar:          orDefault(u.GetAvatarUrl(), base+defaultAvatarPath),
			BackgroundImage: orDefault(u.GetBackgroundUrl(), base+defaultBackgroundPath),
		}
	}
	for _, c := range counts.GetCounts() {
		if u := users[c.GetUserId()]; u != nil {
			u.FollowCount, u.FollowerCount = c.GetFollowCount(), c.GetFollowerCount()
			u.TotalFavorited, u.WorkCount, u.FavoriteCount = c.GetTotalFavorited(), c.GetWorkCount(), c.GetFavoriteCount()
		}
	}
	for _, id := range follows.GetFollowedUserIds() {
		if u := users[id]; u != nil {
			u.IsFollow = true
		}
	}
	return users, nil
}

// videos answers the videos that exist, in the order of ids.
func (g *Gateway) videos(ctx context.Context, ids []int64) ([]*apiv1.Video, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var found *videov1.BatchGetVideosResponse
	var counts *counterv1.BatchGetVideoCountsResponse
	var likes *interactionv1.BatchCheckLikesResponse
	var authors map[int64]*apiv1.User
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		if found, err = g.Video.BatchGetVideos(gctx, &videov1.BatchGetVideosRequest{Ids: ids}); err != nil {
			return err
		}
		authorIDs := make([]int64, 0, len(ids))
		for _, v := range found.GetVideos() {
			authorIDs = append(authorIDs, v.GetAuthorId())
		}
		authors, err = g.users(gctx, authorIDs)
		return err
	})
	group.Go(func() (err error) {
		counts, err = g.Counter.BatchGetVideoCounts(gctx, &counterv1.BatchGetVideoCountsRequest{VideoIds: ids})
		return g.spare(gctx, "video counts", err)
	})
	if viewer, ok := auth.ViewerFrom(ctx); ok {
		group.Go(func() (err error) {
			likes, err = g.Interaction.BatchCheckLikes(gctx, &interactionv1.BatchCheckLikesRequest{UserId: viewer.UserID, VideoIds: ids})
			return g.spare(gctx, "likes", err)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return assembleVideos(originFrom(ctx).baseURL, ids, found, authors, counts, likes), nil
}

func assembleVideos(base string, ids []int64, found *videov1.BatchGetVideosResponse, authors map[int64]*apiv1.User,
	counts *counterv1.BatchGetVideoCountsResponse, likes *interactionv1.BatchCheckLikesResponse,
) []*apiv1.Video {
	byID := make(map[int64]*apiv1.Video, len(ids))
	for _, v := range found.GetVideos() {
		if authors[v.GetAuthorId()] == nil {
			continue
		}
		byID[v.GetId()] = publicVideo(base, v, authors[v.GetAuthorId()])
	}
	for _, c := range counts.GetCounts() {
		if v := byID[c.GetVideoId()]; v != nil {
			v.FavoriteCount, v.CommentCount = c.GetFavoriteCount(), c.GetCommentCount()
		}
	}
	for _, id := range likes.GetLikedVideoIds() {
		if v := byID[id]; v != nil {
			v.IsFavorite = true
		}
	}
	list := make([]*apiv1.Video, 0, len(ids))
	for _, id := range ids {
		if v := byID[id]; v != nil {
			list = append(list, v)
		}
	}
	return list
}

func publicVideo(base string, v *videov1.Video, author *apiv1.User) *apiv1.Video {
	return &apiv1.Video{
		Id: v.GetId(), Author: author, Title: v.GetTitle(), CreateTime: v.GetPublishedAtMs(),
		PlayUrl: base + mediaPrefix + v.GetMediaKey(), CoverUrl: base + mediaPrefix + v.GetCoverKey(),
	}
}

// spare lets an answer do without a part that could not be had.
func (g *Gateway) spare(ctx context.Context, what string, err error) error {
	if err != nil && ctx.Err() == nil {
		g.Log.WarnContext(ctx, "answered without a part", "part", what, "error", err)
	}
	return nil
}

// inOrder picks the users of ids, in their order.
func inOrder(ids []int64, users map[int64]*apiv1.User) []*apiv1.User {
	list := make([]*apiv1.User, 0, len(ids))
	for _, id := range ids {
		if u := users[id]; u != nil {
			list = append(list, u)
		}
	}
	return list
}

func distinct(ids []int64) []int64 {
	seen := make(map[int64]struct{}, len(ids))
	out := ids[:0:0]
	for _, id := range ids {
		if _, twice := seen[id]; !twice {
			seen[id] = struct{}{}
			out = append(out, id)
		}
	}
	return out
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
