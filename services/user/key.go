package user

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/pg"
)

// Keys says where signing keys come from. With nothing set they are made on
// first run and kept in the signing_key table.
type Keys struct {
	SigningKey     string   `help:"Key that signs tokens: Ed25519 as PKCS #8 PEM, or its 32-byte seed in base64. Empty for one made on first run and kept in Postgres."`
	SigningKeyFile string   `help:"File with the signing key, in place of its value."`
	OlderKeyFiles  []string `help:"Files of keys that no longer sign but still verify, or that will sign soon."`
}

// issuer returns the issuer for these settings.
func (k Keys) issuer(ctx context.Context, db *pg.DB, now func() time.Time, random io.Reader) (*auth.Issuer, error) {
	newest, older, err := k.configured()
	if err != nil {
		return nil, err
	}
	if newest != nil {
		return auth.NewIssuer(now, newest, older...), nil
	}
	kept, err := keptKeys(ctx, db, now, random)
	if err != nil {
		return nil, err
	}
	return auth.NewIssuer(now, kept[0], append(kept[1:], older...)...), nil
}

// configured reads the keys that operators set; newest is nil when none signs.
func (k Keys) configured() (newest *auth.Key, older []*auth.Key, err error) {
	switch {
	case k.SigningKey != "" && k.SigningKeyFile != "":
		return nil, nil, errors.New("signing-key and signing-key-file: set only one")
	case k.SigningKey != "":
		newest, err = auth.ParseKey(k.SigningKey)
	case k.SigningKeyFile != "":
		newest, err = keyFile(k.SigningKeyFile)
	}
	if err != nil {
		return nil, nil, err
	}
	for _, path := range k.OlderKeyFiles {
		key, err := keyFile(path)
		if err != nil {
			return nil, nil, err
		}
		older = append(older, key)
	}
	return newest, older, nil
}

func keyFile(path string) (*auth.Key, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read signing key: %w", err)
	}
	key, err := auth.ParseKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// Instances that start together look one after the other, so that one makes
// the key and the others find it.
const lockKeysSQL = `SELECT pg_advisory_xact_lock(hashtext(current_schema() || '/signing_key'))`

const keysSQL = `SELECT seed FROM signing_key ORDER BY created_at DESC, kid`

const insertKeySQL = `INSERT INTO signing_key (kid, seed, created_at) VALUES (@kid, @seed, @created_at)`

// keptKeys returns the keys of the table, the newest first, and makes the first one.
func keptKeys(ctx context.Context, db *pg.DB, now func() time.Time, random io.Reader) ([]*auth.Key, error) {
	var keys []*auth.Key
	err := db.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockKeysSQL); err != nil {
			return fmt.Errorf("lock signing keys: %w", err)
		}
		rows, err := tx.Query(ctx, keysSQL)
		if err != nil {
			return fmt.Errorf("read signing keys: %w", err)
		}
		keys, err = pgx.CollectRows(rows, scanKey)
		if err != nil || len(keys) > 0 {
			return err
		}
		seed := make([]byte, ed25519.SeedSize)
		if _, err := io.ReadFull(random, seed); err != nil {
			return fmt.Errorf("make signing key: %w", err)
		}
		first, err := keyOf(seed)
		if err != nil {
			return err
		}
		keys = []*auth.Key{first}
		_, err = tx.Exec(ctx, insertKeySQL, pgx.NamedArgs{"kid": first.ID(), "seed": seed, "created_at": now()})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	return keys, nil
}

func scanKey(row pgx.CollectableRow) (*auth.Key, error) {
	var seed []byte
	if err := row.Scan(&seed); err != nil {
		return nil, fmt.Errorf("read signing key: %w", err)
	}
	return keyOf(seed)
}

func keyOf(seed []byte) (*auth.Key, error) {
	return auth.ParseKey(base64.StdEncoding.EncodeToString(seed))
}
