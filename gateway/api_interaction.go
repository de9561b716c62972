package gateway

import (
	"context"
	"slices"
	"time"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	counterv1 "douyin.dev/gen/douyin/counter/v1"
	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/services/platform/auth"
)

// LikeVideo likes a video.
func (g *Gateway) LikeVideo(ctx context.Context, req *apiv1.LikeVideoRequest) (*apiv1.LikeVideoResponse, error) {
	_, err := g.Interaction.LikeVideo(ctx, &interactionv1.LikeVideoRequest{VideoId: req.GetVideoId(), IdempotencyKey: req.GetIdempotencyKey()})
	return &apiv1.LikeVideoResponse{}, err
}

// UnlikeVideo takes a like back.
func (g *Gateway) UnlikeVideo(ctx context.Context, req *apiv1.UnlikeVideoRequest) (*apiv1.UnlikeVideoResponse, error) {
	_, err := g.Interaction.UnlikeVideo(ctx, &interactionv1.UnlikeVideoRequest{VideoId: req.GetVideoId(), IdempotencyKey: req.GetIdempotencyKey()})
	return &apiv1.UnlikeVideoResponse{}, err
}

// ListLikedVideos answers the videos a user likes.
func (g *Gateway) ListLikedVideos(ctx context.Context, req *apiv1.ListLikedVideosRequest) (*apiv1.ListLikedVideosResponse, error) {
	user, size, err := g.listOf(ctx, req.GetUserId(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	videos, next, err := seenPage(req.GetPageToken(), func(token string) ([]*apiv1.Video, string, error) {
		list, err := g.Interaction.ListLikedVideos(ctx, &interactionv1.ListLikedVideosRequest{UserId: user, PageSize: size, PageToken: token})
		if err != nil {
			return nil, "", err
		}
		videos, err := g.videos(ctx, list.GetVideoIds())
		if viewer := viewerOf(ctx); viewer != user {
			videos = slices.DeleteFunc(videos, func(v *apiv1.Video) bool { return isUnlisted(v) && v.GetAuthor().GetId() != viewer })
		}
		return videos, list.GetNextPageToken(), err
	})
	return &apiv1.ListLikedVideosResponse{VideoList: videos, NextPageToken: next}, err
}

// CreateComment comments on a video.
func (g *Gateway) CreateComment(ctx context.Context, req *apiv1.CreateCommentRequest) (*apiv1.CreateCommentResponse, error) {
	res, err := g.Interaction.CreateComment(ctx, &interactionv1.CreateCommentRequest{
		VideoId: req.GetVideoId(), Text: req.GetCommentText(), IdempotencyKey: req.GetIdempotencyKey(),
	})
	if err != nil {
		return nil, err
	}
	optional, cancel := forOptionals(ctx)
	defer cancel()
	list, err := readOptional(optional, &g.optional.commentAuthor, func(ctx context.Context) ([]*apiv1.Comment, error) {
		return g.comments(ctx, []*interactionv1.Comment{res.GetComment()})
	})
	if err != nil {
		// The comment is there; an answer without its author's profile is better than a failure that is none.
		list = []*apiv1.Comment{g.publicComment(res.GetComment(), &apiv1.User{Id: res.GetComment().GetUserId()})}
	}
	return &apiv1.CreateCommentResponse{Comment: list[0]}, nil
}

// DeleteComment deletes a comment.
func (g *Gateway) DeleteComment(ctx context.Context, req *apiv1.DeleteCommentRequest) (*apiv1.DeleteCommentResponse, error) {
	_, err := g.Interaction.DeleteComment(ctx, &interactionv1.DeleteCommentRequest{
		VideoId: req.GetVideoId(), CommentId: req.GetCommentId(), IdempotencyKey: req.GetIdempotencyKey(),
	})
	return &apiv1.DeleteCommentResponse{}, err
}

// ListComments answers a video's comments.
func (g *Gateway) ListComments(ctx context.Context, req *apiv1.ListCommentsRequest) (*apiv1.ListCommentsResponse, error) {
	size, err := pageSize(req.GetPageSize())
	if err != nil {
		return nil, err
	}
	list, err := g.Interaction.ListComments(ctx, &interactionv1.ListCommentsRequest{VideoId: req.GetVideoId(), PageSize: size, PageToken: req.GetPageToken()})
	if err != nil {
		return nil, err
	}
	comments, err := g.comments(ctx, list.GetComments())
	return &apiv1.ListCommentsResponse{CommentList: comments, NextPageToken: list.GetNextPageToken()}, err
}

// CountComments answers how many comments a video has.
func (g *Gateway) CountComments(ctx context.Context, req *apiv1.CountCommentsRequest) (*apiv1.CountCommentsResponse, error) {
	if _, err := g.visibleVideo(ctx, req.GetVideoId()); err != nil {
		return nil, err
	}
	res, err := g.Counter.BatchGetVideoCounts(ctx, &counterv1.BatchGetVideoCountsRequest{VideoIds: []int64{req.GetVideoId()}})
	if err != nil {
		return nil, err
	}
	return &apiv1.CountCommentsResponse{CommentCount: res.GetCounts()[0].GetCommentCount()}, nil
}

// comments hydrates comments, in their order.
func (g *Gateway) comments(ctx context.Context, list []*interactionv1.Comment) ([]*apiv1.Comment, error) {
	ids := make([]int64, len(list))
	for i, c := range list {
		ids[i] = c.GetUserId()
	}
	users, err := g.users(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]*apiv1.Comment, 0, len(list))
	for _, c := range list {
		if u := users[c.GetUserId()]; u != nil {
			out = append(out, g.publicComment(c, u))
		}
	}
	return out, nil
}

func (g *Gateway) publicComment(c *interactionv1.Comment, u *apiv1.User) *apiv1.Comment {
	return &apiv1.Comment{
		Id: c.GetId(), User: u, Content: c.GetText(), CreateTime: c.GetCreatedAtMs(),
		CreateDate: time.UnixMilli(c.GetCreatedAtMs()).In(g.Zone).Format("01-02"),
	}
}

// callerID answers who calls; the session was checked before.
func callerID(ctx context.Context) (int64, error) {
	viewer, err := auth.MustViewer(ctx)
	return viewer.UserID, err
}
