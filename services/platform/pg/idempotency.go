package pg

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"douyin.dev/services/platform/fault"
)

// maxKeyLength bounds a client's idempotency key, in bytes.
const maxKeyLength = 128

// Once runs effect at most once for a user's idempotency key. The key, the
// effect and the answer share one transaction: a repeated call gets the first
// one's answer into answer and runs nothing. The same key with another request
// is refused as idempotency_key. An empty key only runs the effect.
//
// request must be the request without its key; effect fills answer.
func Once(ctx context.Context, db *DB, userID int64, key string, request, answer proto.Message, effect func(tx pgx.Tx) error) error {
	if len(key) > maxKeyLength {
		return fault.Invalid("idempotency_key", "must have at most 128 bytes")
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
		return false, fmt.Errorf("claim idempotency key: %w", err)
	}
	if tag.RowsAffected() == 1 {
		return true, nil
	}
	var seen, stored []byte
	err = tx.QueryRow(ctx, rememberedSQL, pgx.NamedArgs{"user_id": userID, "key": key}).Scan(&seen, &stored)
	if err != nil {
		return false, fmt.Errorf("read idempotency key: %w", err)
	}
	if string(seen) != string(fingerprint) {
		return false, fault.Invalid("idempotency_key", "was used with other parameters")
	}
	if err := proto.Unmarshal(stored, answer); err != nil {
		return false, errors.Join(errors.New("read remembered answer"), err)
	}
	return false, nil
}

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
