package auth_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
)

// FuzzVerify: no text but the token itself is that token, and whatever else
// comes is refused in one way.
func FuzzVerify(f *testing.F) {
	c := newClock()
	key, err := auth.NewKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	issuer := auth.NewIssuer(c.Now, key)
	good, err := issuer.SignSession(42, "s1", time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	verifier, err := auth.NewVerifier(auth.VerifierOptions{
		Keys: auth.StaticKeys(issuer.Public()...), Audience: auth.AudienceClient, Now: c.Now,
	})
	if err != nil {
		f.Fatal(err)
	}
	parts := strings.Split(good, ".")
	for _, seed := range []string{
		good, good + "=", "." + good, parts[0] + "." + parts[1] + ".", "eyJhbGciOiJub25lIn0." + parts[1] + ".",
		parts[0] + ".e30." + parts[2], "..", "", "x", strings.Repeat("a", 3000),
		good + "\n", "\n" + good, good[:20] + "\r\n" + good[20:], good + "\x00", good + "é", " " + good, good + "%3D",
		strings.Repeat(".", auth.MaxToken), strings.Repeat("eyJ9.", auth.MaxToken/5), good + strings.Repeat("A", auth.MaxToken-len(good)+1),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		got, err := verifier.Verify(t.Context(), token)
		if err != nil {
			if fault.CodeOf(err) != connect.CodeUnauthenticated {
				t.Errorf("%q: %v", token, err)
			}
			return
		}
		if token != good || got.Viewer.UserID != 42 || !auth.Plausible(token) {
			t.Errorf("%q stands for %+v", token, got)
		}
	})
}

// FuzzParseJWKS: a set gives Ed25519 keys under their own thumbprints, or an error.
func FuzzParseJWKS(f *testing.F) {
	key, err := auth.NewKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	good, err := auth.MarshalJWKS([]auth.PublicKey{key.Public()})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(good), `{"keys":[]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`, `{"keys":null}`, `[]`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := auth.ParseJWKS(text)
		if err != nil {
			return
		}
		again, err := auth.MarshalJWKS(keys)
		if err != nil {
			t.Fatal(err)
		}
		same, err := auth.ParseJWKS(again)
		if err != nil || len(same) != len(keys) {
			t.Fatalf("%d keys were written and %d read: %v", len(keys), len(same), err)
		}
		for i, k := range keys {
			if len(k.Key) != ed25519.PublicKeySize || k.ID != same[i].ID {
				t.Errorf("got the key %+v", k)
			}
		}
	})
}
