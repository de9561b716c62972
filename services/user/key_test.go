package user

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/services/platform/auth"
)

func TestInstancesThatStartTogetherAgreeOnTheKey(t *testing.T) {
	t.Parallel()
	db := database(t)
	got := make([][]auth.PublicKey, 4)
	// Who makes the key does so when another instance has come to look.
	random := readerFunc(func(p []byte) (int, error) {
		waitForWaiter(t, db)
		return rand.Read(p)
	})
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			issuer, err := Keys{}.issuer(t.Context(), db, time.Now, random)
			if err != nil {
				t.Error(err)
				return
			}
			got[i] = issuer.Public()
		})
	}
	wg.Wait()
	for i := range got {
		if diff := cmp.Diff(got[0], got[i]); diff != "" || len(got[i]) != 1 {
			t.Fatalf("instances differ, or have no one key:\n%s", diff)
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestNewestKeptKeySignsAndOlderOnesVerify(t *testing.T) {
	t.Parallel()
	db := database(t)
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	first, err := Keys{}.issuer(t.Context(), db, clock, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	seed := make([]byte, 32)
	if _, err := rand.Read(seed); err != nil {
		t.Fatal(err)
	}
	added, err := keyOf(seed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.RW().Exec(t.Context(), `INSERT INTO signing_key VALUES ($1, $2, $3)`, added.ID(), seed, now.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	second, err := Keys{}.issuer(t.Context(), db, clock, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	want := append([]auth.PublicKey{added.Public()}, first.Public()...)
	if diff := cmp.Diff(want, second.Public()); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func TestConfiguredKeys(t *testing.T) {
	t.Parallel()
	key, err := auth.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]Keys{
		"value":         {SigningKey: string(text)},
		"file":          {SigningKeyFile: file},
		"file and same": {SigningKeyFile: file, OlderKeyFiles: []string{file}},
	} {
		newest, older, err := k.configured()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if newest.ID() != key.ID() || len(older) != len(k.OlderKeyFiles) {
			t.Errorf("%s: got %v and %v", name, newest, older)
		}
	}
	if newest, _, err := (Keys{}).configured(); newest != nil || err != nil {
		t.Errorf("nothing configured: got %v, %v", newest, err)
	}
}

func TestBadKeysRefuseToStart(t *testing.T) {
	t.Parallel()
	weak := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32))
	if _, _, err := (Keys{SigningKey: weak}).configured(); !errors.Is(err, auth.ErrWeakKey) {
		t.Errorf("weak key: got %v", err)
	}
	if _, _, err := (Keys{SigningKeyFile: filepath.Join(t.TempDir(), "none")}).configured(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: got %v", err)
	}
	if _, _, err := (Keys{SigningKey: weak, SigningKeyFile: "also"}).configured(); err == nil {
		t.Error("two keys that sign were accepted")
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"no username":        func(c *Config) { c.UsernameMax = 0 },
		"empty password":     func(c *Config) { c.PasswordMin = 0 },
		"no password fits":   func(c *Config) { c.PasswordMax = c.PasswordMin - 1 },
		"no session lasts":   func(c *Config) { c.SessionTTL = time.Second },
		"unbounded sessions": func(c *Config) { c.SessionCache = 0 },
		"unbounded users":    func(c *Config) { c.UserCache = 0 },
	} {
		c := settings
		change(&c)
		if err := c.check(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := settings.check(); err != nil {
		t.Error(err)
	}
}
