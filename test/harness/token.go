package harness

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// NewSigningKey makes a key to start a platform with, so that a suite can sign
// tokens the platform would never give out.
func NewSigningKey() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make signing key: %w", err)
	}
	return key, nil
}

// signingKeyFrom reads DOUYIN_TEST_SIGNING_KEY, a 32-byte seed in base64; nil without it.
func signingKeyFrom(getenv func(string) string) (ed25519.PrivateKey, error) {
	text := getenv("DOUYIN_TEST_SIGNING_KEY")
	if text == "" {
		return nil, nil
	}
	seed, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("DOUYIN_TEST_SIGNING_KEY is not a seed of %d bytes in base64", ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// SigningKey signs the platform's tokens; nil when only the platform knows it.
func (s *Server) SigningKey() ed25519.PrivateKey { return s.options.SigningKey }

// Claims are the body of a session token. Zero values are left out.
type Claims struct {
	Issuer   string `json:"iss,omitempty"`
	Subject  string `json:"sub,omitempty"`
	Audience string `json:"aud,omitempty"`
	Session  string `json:"sid,omitempty"`
	IssuedAt int64  `json:"iat,omitempty"`
	Expires  int64  `json:"exp,omitempty"`
}

// ReadClaims reads the body of a token without checking it.
func ReadClaims(body string) (Claims, error) {
	var c struct {
		Claims
		Audience []string `json:"aud"`
	}
	text, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return Claims{}, fmt.Errorf("read claims: %w", err)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return Claims{}, fmt.Errorf("read claims: %w", err)
	}
	claims := c.Claims
	if len(c.Audience) == 1 {
		claims.Audience = c.Audience[0]
	}
	return claims, nil
}

// Until sets when a token was issued and when it ends: an hour earlier, and at end.
func (c Claims) Until(end time.Time) Claims {
	c.IssuedAt, c.Expires = end.Add(-time.Hour).Unix(), end.Unix()
	return c
}

// Sign returns the claims as a token under a key. The key's name is its
// RFC 7638 thumbprint.
func (c Claims) Sign(key ed25519.PrivateKey) (string, error) {
	return c.SignAs(key, Thumbprint(key))
}

// SignAs is Sign with a name for the key, true or not.
func (c Claims) SignAs(key ed25519.PrivateKey, kid string) (string, error) {
	header, err := json.Marshal(map[string]string{"alg": "EdDSA", "typ": "JWT", "kid": kid})
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	body, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode(header) + "." + encode(body)
	return signed + "." + encode(ed25519.Sign(key, []byte(signed))), nil
}

// Thumbprint is the RFC 7638 name of a key's public half.
func Thumbprint(key ed25519.PrivateKey) string {
	public, _ := key.Public().(ed25519.PublicKey)
	encode := base64.RawURLEncoding.EncodeToString
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + encode(public) + `"}`))
	return encode(sum[:])
}
