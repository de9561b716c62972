package auth_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/services/platform/auth"
)

// rawKey returns a key both as ours and as the attacker's tools want it.
func rawKey(t *testing.T) (ed25519.PrivateKey, auth.PublicKey) {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	if _, err := rand.Read(seed); err != nil {
		t.Fatal(err)
	}
	key, err := auth.ParseKey(base64.StdEncoding.EncodeToString(seed))
	if err != nil {
		t.Fatal(err)
	}
	return ed25519.NewKeyFromSeed(seed), key.Public()
}

// tamper changes one bit in a part of a token.
func tamper(token string, part int) string {
	parts := strings.Split(token, ".")
	b, err := base64.RawURLEncoding.DecodeString(parts[part])
	if err != nil {
		panic(err)
	}
	b[len(b)/2] ^= 1
	parts[part] = base64.RawURLEncoding.EncodeToString(b)
	return strings.Join(parts, ".")
}

func TestKeyReadsWhatItWrote(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	pem, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	again, err := auth.ParseKey("\n" + string(pem) + "\n")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(key.Public(), again.Public()); diff != "" {
		t.Errorf("key (-want +got):\n%s", diff)
	}
}

// The key and its thumbprint are printed in RFC 8037, appendix A.3.
func TestKidIsTheThumbprintOfTheRFC(t *testing.T) {
	t.Parallel()
	keys, err := auth.ParseJWKS([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a lie","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", keys[0].ID); diff != "" {
		t.Errorf("kid (-want +got):\n%s", diff)
	}
}

func TestKeySetPassesOverOtherKinds(t *testing.T) {
	t.Parallel()
	public := newKey(t).Public()
	ours, err := auth.MarshalJWKS([]auth.PublicKey{public})
	if err != nil {
		t.Fatal(err)
	}
	mixed := strings.Replace(string(ours), `{"keys":[`, `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},`, 1)
	got, err := auth.ParseJWKS([]byte(mixed))
	if diff := cmp.Diff([]auth.PublicKey{public}, got); diff != "" || err != nil {
		t.Errorf("keys: %v (-want +got):\n%s", err, diff)
	}
	for _, bad := range []string{``, `{}`, `{"keys":[{"kty":"RSA"}]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]}`} {
		if _, err := auth.ParseJWKS([]byte(bad)); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func TestWeakKeysAreRefused(t *testing.T) {
	t.Parallel()
	counting := make([]byte, 32)
	for i := range counting {
		counting[i] = byte(i + 200)
	}
	seeds := map[string][]byte{
		"zero":      make([]byte, 32),
		"repeated":  bytes.Repeat([]byte{0xde, 0xad, 0xbe, 0xef}, 8),
		"counting":  counting,
		"phrase":    []byte("change me please, I am a secret!"),
		"test 1":    unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"),
		"test 2":    unhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
		"test 3":    unhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"),
		"test 1024": unhex("f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5"),
	}
	for name, seed := range seeds {
		if _, err := auth.ParseKey(base64.StdEncoding.EncodeToString(seed)); !errors.Is(err, auth.ErrWeakKey) {
			t.Errorf("%s: got %v, want ErrWeakKey", name, err)
		}
		if _, err := auth.NewKey(bytes.NewReader(seed)); !errors.Is(err, auth.ErrWeakKey) {
			t.Errorf("%s from a broken source of randomness: got %v, want ErrWeakKey", name, err)
		}
	}
}

// The public halves are printed beside the seeds in RFC 8032, section 7.1: this
// shows that the list holds those seeds and not misprints of them.
func TestPublishedSeedsAreThoseOfTheRFC(t *testing.T) {
	t.Parallel()
	for seed, public := range map[string]string{
		"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
		"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb": "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
		"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7": "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
		"f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5": "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
	} {
		got := hex.EncodeToString(ed25519.NewKeyFromSeed(unhex(seed)).Public().(ed25519.PublicKey))
		if diff := cmp.Diff(public, got); diff != "" {
			t.Errorf("public half (-want +got):\n%s", diff)
		}
	}
}

func TestOddKeysAreRefusedWithoutBeingQuoted(t *testing.T) {
	t.Parallel()
	random := make([]byte, 64)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"", "hunter2!", "hunter2",
		base64.StdEncoding.EncodeToString(random[:31]), base64.StdEncoding.EncodeToString(random[:33]),
		base64.StdEncoding.EncodeToString(random),
		"-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
	} {
		_, err := auth.ParseKey(text)
		if err == nil {
			t.Errorf("%q was accepted", text)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error quotes the key: %v", err)
		}
	}
}

func TestKeyPrintsNoSecret(t *testing.T) {
	t.Parallel()
	private, public := rawKey(t)
	key, err := auth.ParseKey(base64.RawURLEncoding.EncodeToString(private.Seed()))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", key)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("key", "key", key)
	slog.New(slog.NewTextHandler(&out, nil)).Info("key", "key", key)
	if diff := cmp.Diff(8, strings.Count(out.String(), public.ID)); diff != "" {
		t.Errorf("mentions of the id (-want +got):\n%s\n%s", diff, out.String())
	}
	for _, secret := range []string{hex.EncodeToString(private.Seed()), base64.StdEncoding.EncodeToString(private), fmt.Sprint(private.Seed())} {
		if strings.Contains(out.String(), strings.Trim(secret, "[]=")) {
			t.Error("the secret was printed")
		}
	}
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
