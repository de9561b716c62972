package counter

import (
	"context"
	"fmt"
	"slices"

	counterv1 "douyin.dev/gen/douyin/counter/v1"
	"douyin.dev/gen/douyin/counter/v1/counterv1connect"
	"douyin.dev/services/platform/fault"
)

// maxIDs bounds a batch read.
const maxIDs = 1000

// Service implements the CounterService. It is safe for concurrent use.
type Service struct {
	counts *Counts
}

var _ counterv1connect.CounterServiceHandler = (*Service)(nil)

// New returns a Service.
func New(counts *Counts) *Service { return &Service{counts} }

// BatchGetVideoCounts implements counterv1connect.CounterServiceHandler.
func (s *Service) BatchGetVideoCounts(ctx context.Context, req *counterv1.BatchGetVideoCountsRequest) (*counterv1.BatchGetVideoCountsResponse, error) {
	ids, err := distinct("video_ids", req.GetVideoIds())
	if err != nil || len(ids) == 0 {
		return &counterv1.BatchGetVideoCountsResponse{}, err
	}
	known, err := s.counts.videos.GetList(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read video counts: %w", err)
	}
	none := func(id int64) *counterv1.VideoCounts { return &counterv1.VideoCounts{VideoId: id} }
	return &counterv1.BatchGetVideoCountsResponse{Counts: complete(ids, known, (*counterv1.VideoCounts).GetVideoId, none)}, nil
}

// BatchGetUserCounts implements counterv1connect.CounterServiceHandler.
func (s *Service) BatchGetUserCounts(ctx context.Context, req *counterv1.BatchGetUserCountsRequest) (*counterv1.BatchGetUserCountsResponse, error) {
	ids, err := distinct("user_ids", req.GetUserIds())
	if err != nil || len(ids) == 0 {
		return &counterv1.BatchGetUserCountsResponse{}, err
	}
	known, err := s.counts.users.GetList(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read user counts: %w", err)
	}
	none := func(id int64) *counterv1.UserCounts { return &counterv1.UserCounts{UserId: id} }
	return &counterv1.BatchGetUserCountsResponse{Counts: complete(ids, known, (*counterv1.UserCounts).GetUserId, none)}, nil
}

// distinct checks a list of ids and sorts out repeated ones.
func distinct(field string, ids []int64) ([]int64, error) {
	if len(ids) > maxIDs {
		return nil, fault.Invalid(field, "must have at most 1000 entries")
	}
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// complete answers one entry for each id; one without a row counts nothing.
// known are in the order of ids.
func complete[P any](ids []int64, known []*P, id func(*P) int64, nothing func(int64) *P) []*P {
	if len(known) == len(ids) {
		return known
	}
	out := make([]*P, len(ids))
	for i, want := range ids {
		if len(known) > 0 && id(known[0]) == want {
			out[i], known = known[0], known[1:]
		} else {
			out[i] = nothing(want)
		}
	}
	return out
}
