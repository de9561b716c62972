package counter

import (
	"context"
	"fmt"
	"slices"

	counterv1 "douyin.dev/gen/douyin/counter/v1"
	"douyin.dev/gen/douyin/counter/v1/counterv1connect"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/pg"
)

// maxIDs bounds a batch read.
const maxIDs = 1000

// Deps is what a Service needs.
type Deps struct {
	// DB holds the tables of this package's migrations.
	DB *pg.DB
}

// Service implements the CounterService. It is safe for concurrent use.
type Service struct {
	store store
}

var _ counterv1connect.CounterServiceHandler = (*Service)(nil)

// New returns a Service.
func New(d Deps) *Service { return &Service{store: store{d.DB}} }

// BatchGetVideoCounts implements counterv1connect.CounterServiceHandler.
func (s *Service) BatchGetVideoCounts(ctx context.Context, req *counterv1.BatchGetVideoCountsRequest) (*counterv1.BatchGetVideoCountsResponse, error) {
	ids, err := distinct("video_ids", req.GetVideoIds())
	if err != nil || len(ids) == 0 {
		return &counterv1.BatchGetVideoCountsResponse{}, err
	}
	known, err := s.store.videoCounts(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read video counts: %w", err)
	}
	return &counterv1.BatchGetVideoCountsResponse{Counts: complete(ids, known, videoCount.proto)}, nil
}

// BatchGetUserCounts implements counterv1connect.CounterServiceHandler.
func (s *Service) BatchGetUserCounts(ctx context.Context, req *counterv1.BatchGetUserCountsRequest) (*counterv1.BatchGetUserCountsResponse, error) {
	ids, err := distinct("user_ids", req.GetUserIds())
	if err != nil || len(ids) == 0 {
		return &counterv1.BatchGetUserCountsResponse{}, err
	}
	known, err := s.store.userCounts(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read user counts: %w", err)
	}
	return &counterv1.BatchGetUserCountsResponse{Counts: complete(ids, known, userCount.proto)}, nil
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
func complete[R, P any](ids []int64, known map[int64]R, proto func(R, int64) P) []P {
	out := make([]P, len(ids))
	for i, id := range ids {
		out[i] = proto(known[id], id)
	}
	return out
}
