package user

import (
	"context"
	"fmt"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/outbox"
)

// consumerGroup follows the service's own changes.
const consumerGroup = "user"

func changed(userID int64) outbox.Event {
	return outbox.Event{Key: userID, Message: &userv1.UserChanged{UserId: userID}}
}

// Subscription returns what this service listens to: its own changes. Whoever
// commits one tells the copies at once; a process that died in between has left
// an event.
func (s *Service) Subscription() bus.Subscription {
	return bus.Subscription{
		Group:  consumerGroup,
		Topics: []string{outbox.Topic(&userv1.UserChanged{})},
		Handle: s.handleChanges,
	}
}

// handleChanges tells the copies what Postgres has. Old events do no harm: it
// is always the newest row that is read.
func (s *Service) handleChanges(ctx context.Context, batch []bus.Message) error {
	ids := make([]int64, 0, len(batch))
	for _, m := range batch {
		e, err := outbox.Decode(m, &userv1.UserChanged{})
		if err != nil {
			return err
		}
		ids = append(ids, e.GetUserId())
	}
	users, err := s.store.users(ctx, ids)
	if err != nil {
		return fmt.Errorf("reread changed users: %w", err)
	}
	s.users.PutMany(ctx, users)
	return nil
}
