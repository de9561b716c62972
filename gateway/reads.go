package gateway

import (
	"context"
	"log/slog"
	"time"

	counterv1 "douyin.dev/gen/douyin/counter/v1"
	userv1 "douyin.dev/gen/douyin/user/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/coalesce"
)

// mostIDs bounds the ids of one batch read, as the services do.
const mostIDs = 1000

// reads are the public facts that answers are made of. Nothing in them depends on
// the caller, so callers read them together.
type reads struct {
	users       *coalesce.Loader[*userv1.User]
	userCounts  *coalesce.Loader[*counterv1.UserCounts]
	videos      *coalesce.Loader[*videov1.Video]
	videoCounts *coalesce.Loader[*counterv1.VideoCounts]
	pages       *coalesce.Share[pageKey, publicPage]
}

func newReads(d Deps) reads {
	return reads{
		users: newLoader(d.Log, coalesce.ReadTimeout, func(ctx context.Context, ids []int64) ([]*userv1.User, error) {
			res, err := d.User.BatchGetUsers(ctx, &userv1.BatchGetUsersRequest{Ids: ids})
			return res.GetUsers(), err
		}, (*userv1.User).GetId),
		userCounts: newLoader(d.Log, optionalTimeout, func(ctx context.Context, ids []int64) ([]*counterv1.UserCounts, error) {
			res, err := d.Counter.BatchGetUserCounts(ctx, &counterv1.BatchGetUserCountsRequest{UserIds: ids})
			return res.GetCounts(), err
		}, (*counterv1.UserCounts).GetUserId),
		videos: newLoader(d.Log, coalesce.ReadTimeout, func(ctx context.Context, ids []int64) ([]*videov1.Video, error) {
			res, err := d.Video.BatchGetVideos(ctx, &videov1.BatchGetVideosRequest{Ids: ids})
			return res.GetVideos(), err
		}, (*videov1.Video).GetId),
		videoCounts: newLoader(d.Log, optionalTimeout, func(ctx context.Context, ids []int64) ([]*counterv1.VideoCounts, error) {
			res, err := d.Counter.BatchGetVideoCounts(ctx, &counterv1.BatchGetVideoCountsRequest{VideoIds: ids})
			return res.GetCounts(), err
		}, (*counterv1.VideoCounts).GetVideoId),
		pages: coalesce.NewShare[pageKey, publicPage](d.Log),
	}
}

// newLoader makes a loader of a batch read. It reads without a viewer, so that
// the answer cannot depend on one.
func newLoader[V any](log *slog.Logger, timeout time.Duration, read func(context.Context, []int64) ([]V, error), id func(V) int64) *coalesce.Loader[V] {
	return &coalesce.Loader[V]{MaxIDs: mostIDs, Timeout: timeout, Log: log, Read: func(ctx context.Context, ids []int64) (map[int64]V, error) {
		list, err := read(auth.Anonymous(ctx), ids)
		if err != nil {
			return nil, err
		}
		found := make(map[int64]V, len(list))
		for _, v := range list {
			found[id(v)] = v
		}
		return found, nil
	}}
}
