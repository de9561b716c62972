package gateway

import (
	"context"
	"errors"
	"slices"

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
	var found map[int64]*userv1.User
	var counts map[int64]*counterv1.UserCounts
	var follows *relationv1.BatchCheckFollowsResponse
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		counts, err = g.reads.userCounts.load(gctx, ids)
		return g.spare(gctx, "user counts", err)
	})
	if viewer, ok := auth.ViewerFrom(ctx); ok && !onlyOf(ids, viewer.UserID) { // nobody follows themselves
		group.Go(func() (err error) {
			follows, err = g.Relation.BatchCheckFollows(gctx, &relationv1.BatchCheckFollowsRequest{FollowerId: viewer.UserID, UserIds: ids})
			return g.spare(gctx, "follows", err)
		})
	}
	found, err := g.reads.users.load(gctx, ids)
	if err := errors.Join(err, group.Wait()); err != nil {
		return nil, err
	}
	base := originFrom(ctx).baseURL
	users := make(map[int64]*apiv1.User, len(ids))
	for _, id := range ids {
		u, c := found[id], counts[id]
		if u == nil {
			continue
		}
		users[id] = &apiv1.User{
			Id: id, Name: u.GetName(), Signature: u.GetSignature(),
			Avatar:          orDefault(u.GetAvatarUrl(), base+defaultAvatarPath),
			BackgroundImage: orDefault(u.GetBackgroundUrl(), base+defaultBackgroundPath),
			FollowCount:     c.GetFollowCount(), FollowerCount: c.GetFollowerCount(),
			TotalFavorited: c.GetTotalFavorited(), WorkCount: c.GetWorkCount(), FavoriteCount: c.GetFavoriteCount(),
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
	var counts map[int64]*counterv1.VideoCounts
	var likes *interactionv1.BatchCheckLikesResponse
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		counts, err = g.reads.videoCounts.load(gctx, ids)
		return g.spare(gctx, "video counts", err)
	})
	if viewer, ok := auth.ViewerFrom(ctx); ok {
		group.Go(func() (err error) {
			likes, err = g.Interaction.BatchCheckLikes(gctx, &interactionv1.BatchCheckLikesRequest{UserId: viewer.UserID, VideoIds: ids})
			return g.spare(gctx, "likes", err)
		})
	}
	found, authors, err := g.videosAndAuthors(gctx, ids)
	if err := errors.Join(err, group.Wait()); err != nil {
		return nil, err
	}
	return assembleVideos(originFrom(ctx).baseURL, ids, found, authors, counts, likes), nil
}

// videosAndAuthors answers the videos of ids that exist, and their authors.
func (g *Gateway) videosAndAuthors(ctx context.Context, ids []int64) (map[int64]*videov1.Video, map[int64]*apiv1.User, error) {
	found, err := g.reads.videos.load(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	authorIDs := make([]int64, 0, len(ids))
	for _, id := range ids {
		if v := found[id]; v != nil {
			authorIDs = append(authorIDs, v.GetAuthorId())
		}
	}
	authors, err := g.users(ctx, authorIDs)
	return found, authors, err
}

func assembleVideos(base string, ids []int64, found map[int64]*videov1.Video, authors map[int64]*apiv1.User,
	counts map[int64]*counterv1.VideoCounts, likes *interactionv1.BatchCheckLikesResponse,
) []*apiv1.Video {
	list := make([]*apiv1.Video, 0, len(ids))
	for _, id := range ids {
		v := found[id]
		if v == nil || authors[v.GetAuthorId()] == nil {
			continue
		}
		shown := publicVideo(base, v, authors[v.GetAuthorId()])
		shown.FavoriteCount, shown.CommentCount = counts[id].GetFavoriteCount(), counts[id].GetCommentCount()
		shown.IsFavorite = slices.Contains(likes.GetLikedVideoIds(), id)
		list = append(list, shown)
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

// onlyOf reports whether ids are all the same one.
func onlyOf(ids []int64, id int64) bool {
	return !slices.ContainsFunc(ids, func(other int64) bool { return other != id })
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
