package user

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/fault"
)

// EnumerateUsers answers the ids of all users, in order.
func (s *Service) EnumerateUsers(ctx context.Context, req *userv1.EnumerateUsersRequest) (*userv1.EnumerateUsersResponse, error) {
	if req.GetLimit() < 1 || req.GetLimit() > maxBatch {
		return nil, fault.Invalid("limit", fmt.Sprintf("must be 1 to %d", maxBatch))
	}
	ids, err := s.store.idsAfter(ctx, req.GetAfterId(), int(req.GetLimit()))
	return &userv1.EnumerateUsersResponse{UserIds: ids}, err
}

// Uses the primary key.
const idsAfterSQL = `SELECT id FROM account WHERE id > @after ORDER BY id LIMIT @limit`

func (s store) idsAfter(ctx context.Context, after int64, limit int) ([]int64, error) {
	rows, err := s.db.RW().Query(ctx, idsAfterSQL, pgx.NamedArgs{"after": after, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("enumerate users: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("enumerate users: %w", err)
	}
	return ids, nil
}
