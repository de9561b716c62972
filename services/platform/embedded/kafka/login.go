package kafka

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Mechanism and User are what clients log in with, beside the password.
const (
	Mechanism = "SCRAM-SHA-256"
	User      = "douyin"
)

// loadPassword reads the password, or makes it on the first start: 128 bits of
// chance, in a file only its owner reads.
func loadPassword(file string) (string, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return makePassword(file)
	}
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	password := strings.TrimSpace(string(b))
	if password == "" {
		return "", fmt.Errorf("read password: %s is empty; remove it to make a new one", file)
	}
	return password, nil
}

// makePassword writes beside the file and renames, so that a crash leaves none
// rather than half.
func makePassword(file string) (string, error) {
	password := rand.Text()
	if err := os.WriteFile(file+".new", []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write password: %w", err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		return "", fmt.Errorf("write password: %w", err)
	}
	return password, nil
}

// requireLogin are the settings by which the broker takes requests only after a
// login. The library keeps its users beside the log, and those of last time, or
// that there were none, would win over the settings: users is their file.
func requireLogin(password, users string) ([]kfake.Opt, error) {
	if err := os.Remove(users); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("forget the users of last time: %w", err)
	}
	return []kfake.Opt{kfake.EnableSASL(), kfake.Superuser(Mechanism, User, password)}, nil
}
