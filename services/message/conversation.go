package message

import (
	"context"
	"fmt"
	"math"
	"slices"

	messagev1 "douyin.dev/gen/douyin/message/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/page"
)

// ListMessages implements messagev1connect.MessageServiceHandler.
func (s *Service) ListMessages(ctx context.Context, req *messagev1.ListMessagesRequest) (*messagev1.ListMessagesResponse, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return nil, err
	}
	if req.GetAfterMs() < 0 {
		return nil, fault.Invalid("after_ms", "must not be negative")
	}
	size, err := page.Size("page_size", req.GetPageSize(), maxPage, maxPage)
	if err != nil {
		return nil, err
	}
	cursor, err := page.Parse("page_token", req.GetPageToken())
	if err != nil {
		return nil, err
	}
	before := int64(math.MaxInt64)
	if cursor != nil {
		before = cursor.Time
	}
	// One more tells whether there are older ones.
	entries, err := s.store.conversation(ctx, viewer.UserID, req.GetPeerId(), req.GetAfterMs(), before, req.GetReceivedOnly(), size+1)
	if err != nil {
		return nil, fmt.Errorf("list messages: %w", err)
	}
	res := &messagev1.ListMessagesResponse{}
	if len(entries) > size {
		entries = entries[:size]
		res.NextPageToken = page.Cursor{Time: entries[size-1].SentAtMs}.Token()
	}
	for _, e := range slices.Backward(entries) {
		res.Messages = append(res.Messages, e.proto(viewer.UserID))
	}
	return res, nil
}

// BatchGetLatestMessages implements messagev1connect.MessageServiceHandler.
func (s *Service) BatchGetLatestMessages(ctx context.Context, req *messagev1.BatchGetLatestMessagesRequest) (*messagev1.BatchGetLatestMessagesResponse, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return nil, err
	}
	if len(req.GetPeerIds()) > maxIDs {
		return nil, fault.Invalid("peer_ids", "must have at most 1000 entries")
	}
	res := &messagev1.BatchGetLatestMessagesResponse{}
	if len(req.GetPeerIds()) == 0 {
		return res, nil
	}
	entries, err := s.store.latest(ctx, viewer.UserID, req.GetPeerIds())
	if err != nil {
		return nil, fmt.Errorf("latest messages: %w", err)
	}
	for _, e := range entries {
		res.Messages = append(res.Messages, e.proto(viewer.UserID))
	}
	return res, nil
}
