package relation

import (
	"context"
	"fmt"

	"github.com/maypok86/otter/v2"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/coalesce"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/pg"
)

// askBatch bounds the ids of one question; the user service allows 1000.
const askBatch = 500

// users remembers who exists. Only a yes is remembered: a user that does not
// exist now may register in a moment, and one that does is never deleted.
type users struct {
	known *otter.Cache[int64, struct{}]
	asks  *coalesce.Batch[int64, bool]
	from  Users
}

func newUsers(from Users, size int) (*users, error) {
	known, err := otter.New(&otter.Options[int64, struct{}]{MaximumSize: size})
	if err != nil {
		return nil, err
	}
	u := &users{known: known, from: from}
	// Those who ask together share one call.
	u.asks = pg.NewBatch(askBatch, nil, u.ask)
	return u, nil
}

// exists reports whether a user exists; fault.Unavailable when nobody can say.
func (u *users) exists(ctx context.Context, id int64) (bool, error) {
	if id <= 0 {
		return false, nil
	}
	if _, ok := u.known.GetIfPresent(id); ok {
		return true, nil
	}
	found, err := u.asks.Do(ctx, id)
	if err != nil {
		return false, err
	}
	if found {
		u.known.Set(id, struct{}{})
	}
	return found, nil
}

// ask answers for each id whether its user exists.
func (u *users) ask(ctx context.Context, ids []int64) ([]bool, error) {
	res, err := u.from.BatchGetUsers(ctx, &userv1.BatchGetUsersRequest{Ids: ids})
	if err != nil {
		// Whatever it answered was meant for us, not for our client.
		return nil, fault.Unavailable(fmt.Errorf("ask who exists: %w", err))
	}
	exist := make(map[int64]bool, len(res.GetUsers()))
	for _, user := range res.GetUsers() {
		exist[user.GetId()] = true
	}
	found := make([]bool, len(ids))
	for i, id := range ids {
		found[i] = exist[id]
	}
	return found, nil
}
