package user

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/pg"
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

// insertSession opens a session and returns its id, which is the first one's for a
// key that was used. It refuses the credentials when the password has another
// version by now.
func (s store) insertSession(ctx context.Context, opened session, passwordVersion int64, key string) (string, error) {
	args := opened.args()
	args["password_version"] = passwordVersion
	// The version stands for the password, which was verified: no digest of one is kept.
	request := &userv1.LoginRequest{Password: strconv.FormatInt(passwordVersion, 10)}
	answer := wrapperspb.String(opened.ID)
	err := s.write(ctx, opened.UserID, key, request, answer, func(q querier) error {
		tag, err := q.Exec(ctx, insertSessionSQL, args)
		if err == nil && tag.RowsAffected() == 0 {
			err = wrongCredentials()
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("open session: %w", err)
	}
	return answer.GetValue(), nil
}

// write runs a statement that commits by itself; with an idempotency key in a
// transaction with it.
func (s store) write(ctx context.Context, userID int64, key string, request, answer proto.Message, statement func(querier) error) error {
	if key == "" {
		return s.db.Write(ctx, func(conn *pgxpool.Conn) error { return statement(conn) })
	}
	return pg.Once(ctx, s.db, userID, key, request, answer, func(tx pgx.Tx) error { return statement(tx) })
}

const replacementSQL = `INSERT INTO session (user_id, id, created_at, expires_at)
VALUES (@user_id, @session_id, @created_at, @expires_at)`

const deleteSessionSQL = `DELETE FROM session WHERE user_id = @user_id AND id = @session_id`

// logout stands for a Logout of a session, which only the token names.
func logout(sessionID string) proto.Message { return &userv1.LogoutRequest{IdempotencyKey: sessionID} }

func (s store) deleteSession(ctx context.Context, userID int64, id, key string) error {
	err := s.write(ctx, userID, key, logout(id), &userv1.LogoutResponse{}, func(q querier) error {
		_, err := q.Exec(ctx, deleteSessionSQL, pgx.NamedArgs{"user_id": userID, "session_id": id})
		return err
	})
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

func logoutEverywhere() proto.Message { return &userv1.LogoutEverywhereRequest{} }

// deleteSessions ends all of a user's sessions and returns their ids.
func (s store) deleteSessions(ctx context.Context, userID int64, key string) (ended []string, err error) {
	err = s.write(ctx, userID, key, logoutEverywhere(), &userv1.LogoutEverywhereResponse{}, func(q querier) error {
		ended, err = endSessions(ctx, q, userID)
		return err
	})
	return ended, err
}

// querier is a connection or a transaction.
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
