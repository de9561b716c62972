package interaction

import (
	"context"
	"fmt"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/services/platform/fault"
)

// maxTally bounds the entries of a tally.
const maxTally = 1000

// TallyVideos implements interactionv1connect.InteractionServiceHandler.
func (s *Service) TallyVideos(ctx context.Context, req *interactionv1.TallyVideosRequest) (*interactionv1.TallyVideosResponse, error) {
	if err := checkTally(req.GetLimit()); err != nil {
		return nil, err
	}
	tallies, unannounced, err := s.store.tallyVideos(ctx, req.GetAfterId(), int(req.GetLimit()))
	if err != nil {
		return nil, fmt.Errorf("tally videos: %w", err)
	}
	return &interactionv1.TallyVideosResponse{Tallies: tallies, UnannouncedIds: unannounced}, nil
}

// TallyUsers implements interactionv1connect.InteractionServiceHandler.
func (s *Service) TallyUsers(ctx context.Context, req *interactionv1.TallyUsersRequest) (*interactionv1.TallyUsersResponse, error) {
	if err := checkTally(req.GetLimit()); err != nil {
		return nil, err
	}
	tallies, unannounced, err := s.store.tallyUsers(ctx, req.GetAfterId(), int(req.GetLimit()))
	if err != nil {
		return nil, fmt.Errorf("tally users: %w", err)
	}
	return &interactionv1.TallyUsersResponse{Tallies: tallies, UnannouncedIds: unannounced}, nil
}

func checkTally(limit int32) error {
	if limit < 1 || limit > maxTally {
		return fault.Invalid("limit", "must be 1 to 1000")
	}
	return nil
}
