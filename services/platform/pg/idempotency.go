package pg

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/pause"
)

const (
	// KeyTTL is how long an idempotency key is remembered.
	KeyTTL = 24 * time.Hour
	// maxKeyLength bounds a client's idempotency key, in characters.
	maxKeyLength = 128
	keyField     = "idempotency_key"
)

// CheckKey refuses an idempotency key that is no text, or too long. An empty key
// is none.
func CheckKey(key string) error {
	switch {
	case !utf8.ValidString(key):
		return fault.Invalid(keyField, "is not valid UTF-8")
	case strings.IndexByte(key, 0) >= 0:
		return fault.Invalid(keyField, "must not contain a zero character")
	case utf8.RuneCountInString(key) > maxKeyLength:
		return fault.Invalid(keyField, "must have at most 128 characters")
	default:
		return nil
	}
}

// Once runs effect at most once for a user's idempotency key. The key, the
// effect and the answer share one transaction: a repeated call gets the first
// one's answer into answer and runs nothing. The same key with another request
// is refused as idempotency_key. An empty key only runs the effect.
//
// request must be the request without its key and without secrets: a digest of it
// is stored. effect fills answer, which is stored and therefore holds ids and no
// text: what else the caller answers it takes from the request or the rows.
func Once(ctx context.Context, db *DB, userID int64, key string, request, answer proto.Message, effect func(tx pgx.Tx) error) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if key == "" {
		return db.InTx(ctx, effect)
	}
	fingerprint, err := fingerprintOf(request)
	if err != nil {
		return err
	}
	return db.InTx(ctx, func(tx pgx.Tx) error {
		first, err := claim(ctx, tx, userID, key, fingerprint, answer)
		if err != nil || !first {
			return err
		}
		if err := effect(tx); err != nil {
			return err
		}
		return remember(ctx, tx, userID, key, answer)
	})
}

func fingerprintOf(request proto.Message) ([]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("fingerprint request: %w", err)
	}
	sum := sha256.Sum256(append([]byte(request.ProtoReflect().Descriptor().FullName()+"\n"), b...))
	return sum[:], nil
}

// A second call with the key waits here for the first one's commit.
const claimSQL = `INSERT INTO idempotency (user_id, key, fingerprint, answer)
VALUES (@user_id, @key, @fingerprint, '') ON CONFLICT DO NOTHING`

const rememberedSQL = `SELECT fingerprint, answer FROM idempotency WHERE user_id = @user_id AND key = @key`

func claim(ctx context.Context, tx pgx.Tx, userID int64, key string, fingerprint []byte, answer proto.Message) (bool, error) {
	tag, err := tx.Exec(ctx, claimSQL, pgx.NamedArgs{"user_id": userID, "key": key, "fingerprint": fingerprint})
	if err != nil {
		err = fmt.Errorf("claim idempotency key: %w", err)
		if lockNotAvailable(err) {
			return false, fault.OutcomeUnknown(err) // of the call with this key that is under way
		}
		return false, err
	}
	if tag.RowsAffected() == 1 {
		return true, nil
	}
	found, err := recall(ctx, tx, userID, key, fingerprint, answer)
	if err == nil && !found {
		err = errors.New("claimed idempotency key is gone")
	}
	return false, err
}

// Recall reads the answer that Once remembered for a user's key and request, and
// reports whether there is one. The same key with another request is refused.
func Recall(ctx context.Context, db *DB, userID int64, key string, request, answer proto.Message) (bool, error) {
	if err := CheckKey(key); err != nil || key == "" {
		return false, err
	}
	fingerprint, err := fingerprintOf(request)
	if err != nil {
		return false, err
	}
	return recall(ctx, db.rw, userID, key, fingerprint, answer)
}

// rower is a pool or a transaction.
type rower interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func recall(ctx context.Context, from rower, userID int64, key string, fingerprint []byte, answer proto.Message) (bool, error) {
	var seen, stored []byte
	err := from.QueryRow(ctx, rememberedSQL, pgx.NamedArgs{"user_id": userID, "key": key}).Scan(&seen, &stored)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read idempotency key: %w", err)
	}
	if string(seen) != string(fingerprint) {
		return false, OtherParameters()
	}
	if err := proto.Unmarshal(stored, answer); err != nil {
		return false, fmt.Errorf("read remembered answer: %w", err)
	}
	return true, nil
}

// OtherParameters refuses a key that was used with another request.
func OtherParameters() error { return fault.Invalid(keyField, "was used with other parameters") }

const rememberSQL = `UPDATE idempotency SET answer = @answer WHERE user_id = @user_id AND key = @key`

func remember(ctx context.Context, tx pgx.Tx, userID int64, key string, answer proto.Message) error {
	b, err := proto.Marshal(answer)
	if err != nil {
		return fmt.Errorf("remember answer: %w", err)
	}
	if _, err := tx.Exec(ctx, rememberSQL, pgx.NamedArgs{"user_id": userID, "key": key, "answer": b}); err != nil {
		return fmt.Errorf("remember answer: %w", err)
	}
	return nil
}

const (
	// forgetEvery is the mean pause between sweeps of idempotency keys.
	forgetEvery = 10 * time.Minute
	// forgetLimit bounds the keys of one transaction.
	forgetLimit = 5000
)

// ForgetKeys deletes idempotency keys older than KeyTTL now and then, until ctx
// ends. Of all processes that share a schema one sweeps at a time.
func (db *DB) ForgetKeys(ctx context.Context, log *slog.Logger) error {
	for more := true; more; more = pause.For(ctx, forgetEvery/2+rand.N(forgetEvery)) {
		if err := db.SweepKeys(ctx); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "old idempotency keys stay until the next sweep", "error", err)
		}
	}
	return nil
}

// The lock space is the whole database's, so the schema is part of the lock.
const lockSweepSQL = `SELECT pg_try_advisory_xact_lock(hashtext(current_schema() || '/idempotency'))`

// Uses idempotency_age.
const forgetKeysSQL = `DELETE FROM idempotency WHERE (user_id, key) IN (
	SELECT user_id, key FROM idempotency WHERE created_at < now() - @ttl::interval LIMIT @limit
)`

// SweepKeys deletes idempotency keys older than KeyTTL, unless another process
// does so at this moment.
func (db *DB) SweepKeys(ctx context.Context) error {
	for more := true; more; {
		err := db.InTx(ctx, func(tx pgx.Tx) error {
			if err := tx.QueryRow(ctx, lockSweepSQL).Scan(&more); err != nil || !more {
				return err
			}
			tag, err := tx.Exec(ctx, forgetKeysSQL, pgx.NamedArgs{"ttl": KeyTTL, "limit": forgetLimit})
			more = tag.RowsAffected() == forgetLimit
			return err
		})
		if err != nil {
			return fmt.Errorf("sweep idempotency keys: %w", err)
		}
	}
	return nil
}
