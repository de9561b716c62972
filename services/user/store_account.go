package user

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/pg"
)

// firstVersion is the default of account.version.
const firstVersion = 1

// newAccount is an account to be.
type newAccount struct {
	ID           int64
	Name         string
	NameKey      string
	PasswordHash string
}

// credentials is what a password is checked against.
type credentials struct {
	UserID          int64
	PasswordHash    string
	PasswordVersion int64
}

// A spelling may name two accounts, one stored under what names were compared by
// before: that one's owner has always used it.
const userByNameSQL = `SELECT user_id FROM username WHERE name_key = ANY(ARRAY[@folded, @name_key]::text[])
ORDER BY name_key = @folded DESC LIMIT 1`

// userByName returns whose name it is, by what names were compared by before and
// by what they are now; 0 for nobody's.
func (s store) userByName(ctx context.Context, folded, key string) (int64, error) {
	var userID int64
	err := s.db.RW().QueryRow(ctx, userByNameSQL, pgx.NamedArgs{"folded": folded, "name_key": key}).Scan(&userID)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("read username: %w", err)
	}
	return userID, nil
}

// Of two who want a name, the second waits for the first one's commit and gets
// no row, and then neither an account nor a session.
const insertAccountSQL = `WITH named AS (
    INSERT INTO username (name_key, user_id) VALUES (@name_key, @id)
    ON CONFLICT DO NOTHING RETURNING user_id
), made AS (
    INSERT INTO account (id, name, password_hash, created_at)
    SELECT user_id, @name, @password_hash, @created_at FROM named
), announced AS (
    INSERT INTO outbox (shard, topic, key, payload, traceparent)
    SELECT e.* FROM named,
        unnest(@event_shards::smallint[], @event_topics::text[], @event_keys::bigint[], @event_payloads::bytea[], @event_traces::text[]) AS e
)
INSERT INTO session (user_id, id, created_at, expires_at)
SELECT user_id, @session_id, @created_at, @expires_at FROM named`

// registration stands for a Register of the user whose key it is: the rest of the
// request is compared with the account itself, as no digest of a password is kept.
func registration() proto.Message { return &userv1.RegisterRequest{} }

// insertAccount creates an account with its first session, or says that the name
// is taken.
func (s store) insertAccount(ctx context.Context, a newAccount, first session, key string) error {
	event, err := outbox.Encode(ctx, []outbox.Event{changed(a.ID)})
	if err != nil {
		return err
	}
	args := first.args()
	maps.Copy(args, event.Args())
	args["id"], args["name"], args["name_key"], args["password_hash"] = a.ID, a.Name, a.NameKey, a.PasswordHash
	err = s.write(ctx, a.ID, key, registration(), wrapperspb.String(first.ID), func(q querier) error {
		tag, err := q.Exec(ctx, insertAccountSQL, args)
		if err == nil && tag.RowsAffected() == 0 {
			err = usernameTaken()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("create account: %w", err)
	}
	return nil
}

const credentialsSQL = `SELECT id, password_hash, password_version FROM account WHERE id = @id`

// credentialsOf returns a user's; UserID is 0 when there is none.
func (s store) credentialsOf(ctx context.Context, userID int64) (credentials, error) {
	var c credentials
	err := s.db.RW().QueryRow(ctx, credentialsSQL, pgx.NamedArgs{"id": userID}).Scan(&c.UserID, &c.PasswordHash, &c.PasswordVersion)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return credentials{}, fmt.Errorf("read credentials: %w", err)
	}
	return c, nil
}

const rehashSQL = `UPDATE account SET password_hash = @password_hash
WHERE id = @id AND password_version = @password_version`

// rehash stores another hash of the same password.
func (s store) rehash(ctx context.Context, c credentials, hash string) error {
	_, err := s.db.RW().Exec(ctx, rehashSQL, pgx.NamedArgs{
		"id": c.UserID, "password_version": c.PasswordVersion, "password_hash": hash,
	})
	if err != nil {
		return fmt.Errorf("rehash password: %w", err)
	}
	return nil
}

const replacePasswordSQL = `UPDATE account SET password_hash = @password_hash, password_version = password_version + 1
WHERE id = @id AND password_version = @password_version`

// passwordChange stands for a ChangePassword, as registration does for a Register.
func passwordChange() proto.Message { return &userv1.ChangePasswordRequest{} }

// changePassword replaces the password if it still has this version, ends all
// sessions and opens the given one. It returns the ended ones. With another
// version, or when the key was used meanwhile, it refuses the credentials.
func (s store) changePassword(ctx context.Context, opened session, version int64, hash, key string) (ended []string, err error) {
	answer, changed := wrapperspb.String(opened.ID), false
	err = pg.Once(ctx, s.db, opened.UserID, key, passwordChange(), answer, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, replacePasswordSQL, pgx.NamedArgs{
			"id": opened.UserID, "password_version": version, "password_hash": hash,
		})
		if err != nil {
			return fmt.Errorf("replace password: %w", err)
		}
		if changed = tag.RowsAffected() == 1; !changed {
			return wrongCredentials()
		}
		// A statement of its own: it also sees the session of a login that held
		// the account's row while the update waited.
		if ended, err = endSessions(ctx, tx, opened.UserID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, replacementSQL, opened.args()); err != nil {
			return fmt.Errorf("open session: %w", err)
		}
		return nil
	})
	if err == nil && !changed {
		err = wrongCredentials()
	}
	return ended, err
}
