package message

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	messagev1 "douyin.dev/gen/douyin/message/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/pg"
)

// maxContentLength bounds a message, in characters.
const maxContentLength = 1000

// SendMessage implements messagev1connect.MessageServiceHandler.
func (s *Service) SendMessage(ctx context.Context, req *messagev1.SendMessageRequest) (*messagev1.SendMessageResponse, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkContent(req.GetContent()); err != nil {
		return nil, err
	}
	if req.GetToUserId() == viewer.UserID {
		return nil, fault.Invalid("to_user_id", "must not be yourself").For(messagev1.ErrorReason_ERROR_REASON_SELF_MESSAGE)
	}
	if err := s.users.check(ctx, req.GetToUserId()); err != nil {
		return nil, fmt.Errorf("send message: %w", err)
	}
	d := draft{from: viewer.UserID, to: req.GetToUserId(), content: req.GetContent()}
	if d.id, err = s.ids.Next(); err != nil {
		return nil, fault.Unavailable(err)
	}
	if req.GetIdempotencyKey() != "" {
		return s.sendOnce(ctx, d, req.GetIdempotencyKey())
	}
	at, err := s.sends.Do(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("send message: %w", err)
	}
	return &messagev1.SendMessageResponse{Message: d.proto(at)}, nil
}

// sendOnce sends under an idempotency key.
func (s *Service) sendOnce(ctx context.Context, d draft, key string) (*messagev1.SendMessageResponse, error) {
	request := &messagev1.SendMessageRequest{ToUserId: d.to, Content: d.content}
	answer := &messagev1.SendMessageResponse{}
	err := pg.Once(ctx, s.store.db, d.from, key, request, answer, func(tx pgx.Tx) error {
		times, err := s.store.post(ctx, tx, s.now().UnixMilli(), []draft{d})
		if err != nil {
			return err
		}
		answer.Message = &messagev1.Message{Id: d.id, SentAtMs: times[0]} // the content must not outlive the message
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("send message: %w", err)
	}
	s.announce([]draft{d})
	d.id = answer.GetMessage().GetId()
	return &messagev1.SendMessageResponse{Message: d.proto(answer.GetMessage().GetSentAtMs())}, nil
}

// sendAll sends messages in one transaction and answers their times.
func (s *Service) sendAll(ctx context.Context, drafts []draft) (times []int64, err error) {
	err = s.store.db.InTx(ctx, func(tx pgx.Tx) error {
		times, err = s.store.post(ctx, tx, s.now().UnixMilli(), drafts)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.announce(drafts)
	return times, nil
}

// announce tells the relay and the subscribers of a commit.
func (s *Service) announce(drafts []draft) {
	s.store.keepMailboxes(drafts)
	s.wake()
	s.hub.announce(participants(drafts))
}

// checkContent refuses what cannot be stored: Postgres keeps no NUL. The
// error never quotes it.
func checkContent(content string) error {
	if !utf8.ValidString(content) || strings.ContainsRune(content, 0) {
		return fault.Invalid("content", "must be valid text")
	}
	if n := utf8.RuneCountInString(content); n < 1 || n > maxContentLength {
		return fault.Invalid("content", "must have 1 to 1000 characters")
	}
	return nil
}
