package video

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
)

// EnumerateVideos implements VideoService.
func (s *Service) EnumerateVideos(ctx context.Context, req *videov1.EnumerateVideosRequest) (*videov1.EnumerateVideosResponse, error) {
	if req.GetLimit() < 1 || req.GetLimit() > maxBatch {
		return nil, fault.Invalid("limit", "must be 1 to 1000")
	}
	ids, err := s.idsAfter(ctx, req.GetAfterId(), int(req.GetLimit()))
	return &videov1.EnumerateVideosResponse{VideoIds: ids}, err
}

// Uses the primary key.
const idsAfterSQL = `SELECT id FROM video WHERE id > @after AND state = 1 ORDER BY id LIMIT @limit`

// idsAfter reads the primary: what a replica had missed would be missing from what is
// made of it, although its event is long gone.
func (s *Service) idsAfter(ctx context.Context, after int64, limit int) ([]int64, error) {
	rows, err := s.db.RW().Query(ctx, idsAfterSQL, pgx.NamedArgs{"after": after, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("enumerate videos: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("enumerate videos: %w", err)
	}
	return ids, nil
}
