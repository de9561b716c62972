package message

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"

	messagev1 "douyin.dev/gen/douyin/message/v1"
	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/id"
)

const (
	// userTTL is how long a user is taken to exist. Users do not go away.
	userTTL = 10 * time.Minute
	// userCacheSize bounds the remembered users.
	userCacheSize = 100_000
	// lookupTimeout bounds one question, which several callers may wait for.
	lookupTimeout = 3 * time.Second
)

// directory knows which users exist. That one does not is never remembered.
type directory struct {
	users Users
	known *otter.Cache[int64, struct{}]
}

func newDirectory(users Users) (*directory, error) {
	known, err := otter.New(&otter.Options[int64, struct{}]{
		MaximumSize:      userCacheSize,
		ExpiryCalculator: otter.ExpiryWriting[int64, struct{}](userTTL),
		Logger:           &otter.NoopLogger{}, // the caller gets the error
	})
	if err != nil {
		return nil, fmt.Errorf("user cache: %w", err)
	}
	return &directory{users: users, known: known}, nil
}

// check returns nil for a user who exists, else USER_NOT_FOUND.
func (d *directory) check(ctx context.Context, userID int64) error {
	if userID <= 0 || userID >= id.Max {
		return noSuchUser()
	}
	_, err := d.known.Get(ctx, userID, otter.LoaderFunc[int64, struct{}](d.load))
	if errors.Is(err, otter.ErrNotFound) {
		return noSuchUser()
	}
	if err != nil {
		return fmt.Errorf("look up user: %w", err)
	}
	return nil
}

// load asks for all who wait, so it does not end with the first one's call.
func (d *directory) load(ctx context.Context, userID int64) (struct{}, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
	defer cancel()
	res, err := d.users.BatchGetUsers(ctx, &userv1.BatchGetUsersRequest{Ids: []int64{userID}})
	if err != nil {
		return struct{}{}, err
	}
	for _, u := range res.GetUsers() {
		if u.GetId() == userID {
			return struct{}{}, nil
		}
	}
	return struct{}{}, otter.ErrNotFound
}

func noSuchUser() error {
	return fault.NotFound("no such user").For(messagev1.ErrorReason_ERROR_REASON_USER_NOT_FOUND)
}
