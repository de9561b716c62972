package user

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/pg"
)

// store is the service's tables. Every read is from the primary: each either
// decides a write or may follow the reader's own.
type store struct {
	db *pg.DB
}

// profile is what others see of an account.
type profile struct {
	ID            int64
	Name          string
	AvatarURL     string `db:"avatar_url"`
	BackgroundURL string `db:"background_url"`
	Signature     string
	Version       int64
}

func (p profile) user() *userv1.User {
	return &userv1.User{
		Id: p.ID, Name: p.Name, AvatarUrl: p.AvatarURL, BackgroundUrl: p.BackgroundURL,
		Signature: p.Signature, Version: p.Version,
	}
}

// Uses the primary key.
const usersSQL = `SELECT id, name, avatar_url, background_url, signature, version
FROM account WHERE id = ANY(@ids)`

// users returns those that exist, by id.
func (s store) users(ctx context.Context, ids []int64) (map[int64]*userv1.User, error) {
	rows, err := s.db.RW().Query(ctx, usersSQL, pgx.NamedArgs{"ids": ids})
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	profiles, err := pgx.CollectRows(rows, pgx.RowToStructByName[profile])
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	users := make(map[int64]*userv1.User, len(profiles))
	for _, p := range profiles {
		users[p.ID] = p.user()
	}
	return users, nil
}

const updateProfileSQL = `WITH changed AS (
    UPDATE account SET
        avatar_url = coalesce(@avatar_url, avatar_url),
        background_url = coalesce(@background_url, background_url),
        signature = coalesce(@signature, signature),
        version = version + 1
    WHERE id = @id
    RETURNING id, name, avatar_url, background_url, signature, version
), announced AS (
    INSERT INTO outbox (shard, topic, key, payload, traceparent)
    SELECT e.* FROM changed,
        unnest(@event_shards::smallint[], @event_topics::text[], @event_keys::bigint[], @event_payloads::bytea[], @event_traces::text[]) AS e
)
SELECT id, name, avatar_url, background_url, signature, version FROM changed`

// updateProfile sets the present parts of req, and announces it.
func (s store) updateProfile(ctx context.Context, userID int64, req *userv1.UpdateProfileRequest) (*userv1.User, error) {
	event, err := outbox.Encode(ctx, []outbox.Event{changed(userID)})
	if err != nil {
		return nil, err
	}
	args := event.Args()
	args["id"], args["avatar_url"], args["background_url"], args["signature"] = userID, req.AvatarUrl, req.BackgroundUrl, req.Signature
	request := proto.CloneOf(req)
	request.IdempotencyKey = ""
	var updated *userv1.User
	// Nothing of the profile is remembered with the key: it must not outlive its replacement.
	err = s.write(ctx, userID, req.GetIdempotencyKey(), request, &userv1.UpdateProfileResponse{}, func(q querier) error {
		rows, err := q.Query(ctx, updateProfileSQL, args)
		if err != nil {
			return err
		}
		p, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[profile])
		if errors.Is(err, pgx.ErrNoRows) {
			return noSuchUser()
		}
		updated = p.user()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("update profile: %w", err)
	}
	if updated != nil {
		return updated, nil
	}
	return s.updatedBefore(ctx, userID)
}

// updatedBefore returns a profile that was updated by an earlier call, as it is now.
func (s store) updatedBefore(ctx context.Context, userID int64) (*userv1.User, error) {
	users, err := s.users(ctx, []int64{userID})
	if err != nil {
		return nil, err
	}
	if users[userID] == nil {
		return nil, noSuchUser()
	}
	return users[userID], nil
}
