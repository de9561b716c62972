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
	known, err := s.counts.videos.GetMany(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read video counts: %w", err)
	}
	none := func(id int64) *counterv1.VideoCounts { return &counterv1.VideoCounts{VideoId: id} }
	return &counterv1.BatchGetVideoCountsResponse{Counts: complete(ids, known, none)}, nil
}

// BatchGetUserCounts implements counterv1connect.CounterServiceHandler.
func (s *Service) BatchGetUserCounts(ctx context.Context, req *counterv1.BatchGetUserCountsRequest) (*counterv1.BatchGetUserCountsResponse, error) {
	ids, err := distinct("user_ids", req.GetUserIds())
	if err != nil || len(ids) == 0 {
		return &counterv1.BatchGetUserCountsResponse{}, err
	}
	known, err := s.counts.users.GetMany(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read user counts: %w", err)
	}
	none := func(id int64) *counterv1.UserCounts { return &counterv1.UserCounts{UserId: id} }
	return &counterv1.BatchGetUserCountsResponse{Counts: complete(ids, known, none)}, nil
}

// distinct checks a list of ids and sorts out repeated ones.
func distinct(field string, ids []int64) ([]int64, error) {
	if len(ids) > maxIDs {
		return nil, fault.Invalid(field, "must have at most 1000 entries")
	}
	ids = slices.Sorted(slices.Values(ids))
	return slices.Compact(ids), nil
}

// complete answers one entry for each id; one without a row counts nothing.
func complete[P any](ids []int64, known map[int64]*P, nothing func(int64) *P) []*P {
	out := make([]*P, len(ids))
	for i, id := range ids {
		if out[i] = known[id]; out[i] == nil {
			out[i] = nothing(id)
		}
	}
	return out
}
