package harness_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/test/harness"
)

func TestASignedTokenSaysWhatWasClaimed(t *testing.T) {
	t.Parallel()
	key, err := harness.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	want := harness.Claims{Issuer: "douyin", Subject: "7", Session: "s"}.Until(time.Unix(2_000_000_000, 0))
	token, err := want.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(token, ".")
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	if !ed25519.Verify(key.Public().(ed25519.PublicKey), []byte(parts[0]+"."+parts[1]), signature) {
		t.Error("the signature is not the key's")
	}
	got, err := harness.ReadClaims(parts[1])
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if got.Expires-got.IssuedAt != 3600 {
		t.Errorf("lasts %d s", got.Expires-got.IssuedAt)
	}
}

func TestAnUnknownInfrastructureIsRefused(t *testing.T) {
	t.Setenv("DOUYIN_URL", "")
	t.Setenv("DOUYIN_BIN", "/bin/true")
	t.Setenv("DOUYIN_TEST_INFRA", "both")
	_, err := harness.Start(t.Context(), harness.Options{Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), `"both"`) {
		t.Errorf("got %v", err)
	}
}

func TestABadSigningKeyIsRefused(t *testing.T) {
	t.Setenv("DOUYIN_URL", "")
	t.Setenv("DOUYIN_BIN", "/bin/true")
	t.Setenv("DOUYIN_TEST_SIGNING_KEY", "short")
	_, err := harness.Start(t.Context(), harness.Options{Dir: t.TempDir()})
	if err == nil || strings.Contains(err.Error(), "short") {
		t.Errorf("got %v, want an error that does not repeat the key", err)
	}
}
