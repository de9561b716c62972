package s3

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// rootKeys are the only account of the gateway.
type rootKeys struct {
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

// loadCredentials reads the keys, or makes them on the first start: 128 bits
// of chance each, in a file only its owner reads.
func loadCredentials(file string) (rootKeys, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return makeCredentials(file)
	}
	if err != nil {
		return rootKeys{}, fmt.Errorf("read credentials: %w", err)
	}
	var keys rootKeys
	if err := json.Unmarshal(b, &keys); err != nil {
		return rootKeys{}, fmt.Errorf("read credentials: %w", err)
	}
	if keys.AccessKey == "" || keys.SecretKey == "" {
		return rootKeys{}, fmt.Errorf("read credentials: %s lacks a key; remove it to make new ones", file)
	}
	return keys, nil
}

// makeCredentials writes beside the file and renames, so that a crash leaves
// none rather than half.
func makeCredentials(file string) (rootKeys, error) {
	keys := rootKeys{AccessKey: rand.Text(), SecretKey: rand.Text()}
	b, err := json.Marshal(keys)
	if err != nil {
		return rootKeys{}, fmt.Errorf("encode credentials: %w", err)
	}
	if err := os.WriteFile(file+".new", b, 0o600); err != nil {
		return rootKeys{}, fmt.Errorf("write credentials: %w", err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		return rootKeys{}, fmt.Errorf("write credentials: %w", err)
	}
	return keys, nil
}
