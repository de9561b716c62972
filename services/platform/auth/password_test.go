package auth_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"douyin.dev/services/platform/auth"
)

func TestPasswordIsKnownAgain(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords(0, 1)
	hash, err := p.Hash(t.Context(), auth.ForRegistration, "正确的马")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %q is not of the promised parameters", hash)
	}
	for password, want := range map[string]bool{"正确的马": true, "正确的馬": false, "": false} {
		ok, rehash, err := p.Verify(t.Context(), password, hash)
		if ok != want || rehash || err != nil {
			t.Errorf("%q: got %v, rehash %v, %v; want %v", password, ok, rehash, err, want)
		}
	}
	if again, _ := p.Hash(t.Context(), auth.ForRegistration, "正确的马"); again == hash {
		t.Error("two hashes share a salt")
	}
}

func TestWeakerHashAsksToBeMadeAnew(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords(0, 1)
	hash, err := argon2id.CreateHash("old", &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	if ok, rehash, err := p.Verify(t.Context(), "old", hash); !ok || !rehash || err != nil {
		t.Errorf("right password: %v, rehash %v, %v", ok, rehash, err)
	}
	if ok, rehash, err := p.Verify(t.Context(), "new", hash); ok || rehash || err != nil {
		t.Errorf("wrong password: %v, rehash %v, %v", ok, rehash, err)
	}
}

func TestBrokenHashIsAnError(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords(0, 1)
	tail := "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for _, hash := range []string{
		"", "plain",
		"$argon2i$v=19$m=19456,t=2,p=1" + tail,
		"$argon2id$v=19$m=19456,t=0,p=1" + tail,
		"$argon2id$v=19$m=19456,t=2,p=0" + tail,
		"$argon2id$v=19$m=4194304,t=2,p=1" + tail,
		"$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$",
	} {
		if ok, _, err := p.Verify(t.Context(), "x", hash); ok || err == nil {
			t.Errorf("%q: got %v, %v", hash, ok, err)
		}
	}
}

func TestWaitForASlotEndsWithTheCaller(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords(1, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Hash(ctx, auth.ForRegistration, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
	// The slot was not lost.
	ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := p.Hash(ctx, auth.ForRegistration, "x"); err != nil {
		t.Error(err)
	}
}

func TestUnknownUserCostsAsMuch(t *testing.T) {
	p := auth.NewPasswords(1, 1) // not parallel: it measures
	hash, err := p.Hash(t.Context(), auth.ForRegistration, "password")
	if err != nil {
		t.Fatal(err)
	}
	fastest := func(f func() error) time.Duration {
		best := time.Hour
		for range 5 {
			start := time.Now()
			if err := f(); err != nil {
				t.Fatal(err)
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	somebody := fastest(func() error { _, _, err := p.Verify(t.Context(), "wrong", hash); return err })
	nobody := fastest(func() error { return p.VerifyNobody(t.Context(), "wrong") })
	// One hash each. The bound is wide: it tells a hash from none, on any machine.
	if nobody*10 < somebody || somebody*10 < nobody {
		t.Errorf("nobody takes %v, somebody %v", nobody, somebody)
	}
}

func TestPasswordIsOneHoweverItsLettersAreComposed(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords(0, 1)
	const composed, decomposed = "caf\u00e9", "cafe\u0301"
	for _, made := range []string{composed, decomposed} {
		hash, err := p.Hash(t.Context(), auth.ForRegistration, made)
		if err != nil {
			t.Fatal(err)
		}
		for password, want := range map[string]bool{composed: true, decomposed: true, "cafe": false} {
			if ok, rehash, err := p.Verify(t.Context(), password, hash); ok != want || rehash || err != nil {
				t.Errorf("%+q against %+q: %v, rehash %v, %v; want %v", password, made, ok, rehash, err, want)
			}
		}
	}
}

func TestHashOfAPasswordAsItCameStillOpensAndIsMadeAnew(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords(0, 1)
	const decomposed = "cafe\u0301"
	old, err := argon2id.CreateHash(decomposed, &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	if ok, rehash, err := p.Verify(t.Context(), decomposed, old); !ok || !rehash || err != nil {
		t.Errorf("as it came: %v, rehash %v, %v", ok, rehash, err)
	}
	if ok, rehash, err := p.Verify(t.Context(), "cafe\u0300", old); ok || rehash || err != nil {
		t.Errorf("another: %v, rehash %v, %v", ok, rehash, err)
	}
}
