package user

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// session is a login.
type session struct {
	UserID    int64
	ID        string
	CreatedAt time.Time
	ExpiresAt time.Time
}

func (s session) args() pgx.NamedArgs {
	return pgx.NamedArgs{"user_id": s.UserID, "session_id": s.ID, "created_at": s.CreatedAt, "expires_at": s.ExpiresAt}
}

// The row lock orders a login and a change of the password: whichever is
// second sees what the first one did. Logins do not keep each other out.
// Expired sessions of the user go on the way, so they do not pile up.
const insertSessionSQL = `WITH checked AS (
    SELECT id FROM account WHERE id = @user_id AND password_version = @password_version FOR SHARE
), swept AS (
    DELETE FROM session WHERE user_id = @user_id AND expires_at <= @created_at
)
INSERT INTO session (user_id, id, created_at, expires_at)
SELECT id, @session_id, @created_at, @expires_at FROM checked`

// insertSession opens a session; false when the password has another version by now.
func (s store) insertSession(ctx context.Context, opened session, passwordVersion int64) (bool, error) {
	args := opened.args()
	args["password_version"] = passwordVersion
	tag, err := s.db.RW().Exec(ctx, insertSessionSQL, args)
	if err != nil {
		return false, fmt.Errorf("open session: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

const replacementSQL = `INSERT INTO session (user_id, id, created_at, expires_at)
VALUES (@user_id, @session_id, @created_at, @expires_at)`

const deleteSessionSQL = `DELETE FROM session WHERE user_id = @user_id AND id = @session_id`

func (s store) deleteSession(ctx context.Context, userID int64, id string) error {
	if _, err := s.db.RW().Exec(ctx, deleteSessionSQL, pgx.NamedArgs{"user_id": userID, "session_id": id}); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// deleteSessions ends all of a user's sessions and returns their ids.
func (s store) deleteSessions(ctx context.Context, userID int64) ([]string, error) {
	return endSessions(ctx, s.db.RW(), userID)
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

const endSessionsSQL = `DELETE FROM session WHERE user_id = @user_id RETURNING id`

func endSessions(ctx context.Context, q querier, userID int64) ([]string, error) {
	rows, err := q.Query(ctx, endSessionsSQL, pgx.NamedArgs{"user_id": userID})
	if err != nil {
		return nil, fmt.Errorf("end sessions: %w", err)
	}
	ended, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("end sessions: %w", err)
	}
	return ended, nil
}

// Uses the primary key, once for each session asked for.
const sessionEndsSQL = `SELECT n - 1, s.expires_at
FROM unnest(@user_ids::bigint[], @ids::text[]) WITH ORDINALITY AS asked (user_id, id, n)
JOIN session s ON s.user_id = asked.user_id AND s.id = asked.id`

// sessionEnds returns when each session ends: the zero time for one that is not there.
func (s store) sessionEnds(ctx context.Context, keys []sessionKey) ([]time.Time, error) {
	userIDs, ids := make([]int64, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		userIDs[i], ids[i] = k.UserID, k.SessionID
	}
	rows, err := s.db.RW().Query(ctx, sessionEndsSQL, pgx.NamedArgs{"user_ids": userIDs, "ids": ids})
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	ends := make([]time.Time, len(keys))
	var n int64
	var end time.Time
	_, err = pgx.ForEachRow(rows, []any{&n, &end}, func() error {
		ends[n] = end
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	return ends, nil
}
