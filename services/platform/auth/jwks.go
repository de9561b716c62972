package auth

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// PathJWKS is where an issuer serves its public keys.
const PathJWKS = "/.well-known/jwks.json"

// maxJWKS bounds the key set a client reads, in bytes.
const maxJWKS = 64 << 10

// KeySource answers the keys that may have signed a token. It is called again
// when a token names a key it has not answered yet.
type KeySource func(ctx context.Context) ([]PublicKey, error)

// StaticKeys is a source of keys known from the start: for the issuer itself.
func StaticKeys(keys ...PublicKey) KeySource {
	return func(context.Context) ([]PublicKey, error) { return keys, nil }
}

// jwk is a JSON Web Key of RFC 8037.
type jwk struct {
	Type      string `json:"kty"`
	Curve     string `json:"crv"`
	Use       string `json:"use,omitempty"`
	Algorithm string `json:"alg,omitempty"`
	ID        string `json:"kid,omitempty"`
	X         string `json:"x"`
}

type jwkSet struct {
	Keys []jwk `json:"keys"`
}

// MarshalJWKS writes a JSON Web Key set.
func MarshalJWKS(keys []PublicKey) ([]byte, error) {
	set := jwkSet{Keys: make([]jwk, 0, len(keys))}
	for _, k := range keys {
		set.Keys = append(set.Keys, jwk{
			Type: "OKP", Curve: "Ed25519", Use: "sig", Algorithm: "EdDSA",
			ID: k.ID, X: base64.RawURLEncoding.EncodeToString(k.Key),
		})
	}
	return json.Marshal(set)
}

// ParseJWKS reads the Ed25519 keys of a set and passes over all others. The kid
// is computed, not believed: a set cannot give one key the name of another.
func ParseJWKS(b []byte) ([]PublicKey, error) {
	var set jwkSet
	if err := json.Unmarshal(b, &set); err != nil {
		return nil, fmt.Errorf("read key set: %w", err)
	}
	var keys []PublicKey
	for _, k := range set.Keys {
		if k.Type != "OKP" || k.Curve != "Ed25519" {
			continue
		}
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || len(x) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("key %q of the set is malformed", k.ID)
		}
		keys = append(keys, PublicKey{ID: thumbprint(x), Key: x})
	}
	if len(keys) == 0 {
		return nil, errors.New("key set has no Ed25519 key")
	}
	return keys, nil
}

// JWKS serves keys as a JSON Web Key set.
func JWKS(keys []PublicKey) (http.Handler, error) {
	body, err := MarshalJWKS(keys)
	if err != nil {
		return nil, fmt.Errorf("write key set: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		// A verifier that meets a new kid must not be answered from a proxy.
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(body)
	}), nil
}

// RemoteKeys reads the set an issuer serves at url. The client brings its own
// transport and timeout.
func RemoteKeys(client *http.Client, url string) KeySource {
	return func(ctx context.Context) ([]PublicKey, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, fmt.Errorf("ask for key set: %w", err)
		}
		res, err := client.Do(req)
		if err != nil {
			return nil, fmt.Errorf("ask for key set: %w", err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("ask for key set: status %d", res.StatusCode)
		}
		body, err := io.ReadAll(io.LimitReader(res.Body, maxJWKS))
		if err != nil {
			return nil, fmt.Errorf("read key set: %w", err)
		}
		return ParseJWKS(body)
	}
}
