package message

import (
	"context"
	"fmt"
	"time"

	"connectrpc.com/connect"

	messagev1 "douyin.dev/gen/douyin/message/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
)

// Subscribe implements messagev1connect.MessageServiceHandler. Its first answer
// comes at once: a message, or the cursor to start from.
func (s *Service) Subscribe(ctx context.Context, req *messagev1.SubscribeRequest, stream *connect.ServerStream[messagev1.SubscribeResponse]) error {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return err
	}
	if req.GetAfterMs() < 0 {
		return fault.Invalid("after_ms", "must not be negative")
	}
	cursor, err := s.startOf(ctx, viewer.UserID, req)
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	// Being woken begins before the first read, so nothing falls between.
	sub := s.hub.join(viewer.UserID, cursor)
	defer s.hub.leave(sub)
	if err := s.follow(ctx, sub, stream); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	return nil
}

// startOf returns the time after which a subscriber wants messages.
func (s *Service) startOf(ctx context.Context, userID int64, req *messagev1.SubscribeRequest) (int64, error) {
	if req.AfterMs != nil {
		return req.GetAfterMs(), nil
	}
	last, err := s.store.lastTimes(ctx, []int64{userID})
	return last[userID], err
}

// follow sends what is later than the subscriber's cursor, for ever. It returns
// nil when the process drains.
func (s *Service) follow(ctx context.Context, sub *subscriber, stream *connect.ServerStream[messagev1.SubscribeResponse]) error {
	if err := stream.Send(&messagev1.SubscribeResponse{CursorMs: sub.cursor.Load()}); err != nil {
		return err
	}
	silence := time.NewTimer(s.signOfLife)
	defer silence.Stop()
	for {
		sent, err := s.catchUp(ctx, sub, stream)
		if err != nil {
			return err
		}
		if sent {
			silence.Reset(s.signOfLife)
		}
		select {
		case <-sub.woken:
		case <-silence.C:
			if err := stream.Send(&messagev1.SubscribeResponse{CursorMs: sub.cursor.Load()}); err != nil {
				return err
			}
			silence.Reset(s.signOfLife)
		case <-s.draining:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// catchUp sends everything there is after the cursor, a page at a time.
func (s *Service) catchUp(ctx context.Context, sub *subscriber, stream *connect.ServerStream[messagev1.SubscribeResponse]) (sent bool, err error) {
	for {
		entries, err := s.store.later(ctx, sub.userID, sub.cursor.Load(), followPage)
		if err != nil {
			return sent, err
		}
		for _, e := range entries {
			if err := stream.Send(&messagev1.SubscribeResponse{Message: e.proto(sub.userID), CursorMs: e.SentAtMs}); err != nil {
				return sent, err
			}
			sub.cursor.Store(e.SentAtMs)
			sent = true
		}
		if len(entries) < followPage || s.isDraining() {
			return sent, nil
		}
	}
}

func (s *Service) isDraining() bool {
	select {
	case <-s.draining:
		return true
	default:
		return false
	}
}
