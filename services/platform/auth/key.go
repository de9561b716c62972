package auth

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrWeakKey says that a key is one that others know or could guess.
var ErrWeakKey = errors.New("signing key is well known or guessable")

// minDistinct is how many different bytes a seed must have at least. A random
// seed has about 30; fewer than 12 is a chance of less than 1 in 10^12.
const minDistinct = 12

// Key signs tokens. It never prints its secret.
type Key struct {
	id      string
	private ed25519.PrivateKey
}

// PublicKey checks what a Key signed.
type PublicKey struct {
	// ID is the kid: the RFC 7638 thumbprint.
	ID  string
	Key ed25519.PublicKey
}

// NewKey makes a key from 32 bytes of random, usually crypto/rand.Reader.
func NewKey(random io.Reader) (*Key, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, fmt.Errorf("read random seed: %w", err)
	}
	return keyFromSeed(seed)
}

// ParseKey reads a key as operators write it: PKCS #8 in PEM (BEGIN PRIVATE
// KEY), or the 32-byte seed in base64, standard or URL-safe, padded or not.
// Keys of another length, and those others know, are refused.
func ParseKey(text string) (*Key, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "-----BEGIN") {
		return parsePEM(text)
	}
	alphabet := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	seed, err := base64.RawStdEncoding.DecodeString(alphabet)
	if err != nil {
		return nil, errors.New("signing key is neither PEM nor base64") // the cause would quote the key
	}
	return keyFromSeed(seed)
}

func parsePEM(text string) (*Key, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("signing key is not a PKCS #8 PEM block")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("signing key is not PKCS #8")
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("signing key is not Ed25519")
	}
	return keyFromSeed(private.Seed())
}

func keyFromSeed(seed []byte) (*Key, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("signing key has %d bytes, want %d", len(seed), ed25519.SeedSize)
	}
	if guessable(seed) {
		return nil, ErrWeakKey
	}
	private := ed25519.NewKeyFromSeed(seed)
	return &Key{id: thumbprint(private.Public().(ed25519.PublicKey)), private: private}, nil
}

// guessable reports whether the seed is published, repeats itself, counts, or
// is a phrase. A random seed is all printable once in 10^13.
func guessable(seed []byte) bool {
	if _, known := publishedSeeds[hex.EncodeToString(seed)]; known {
		return true
	}
	distinct, printable, counting := map[byte]struct{}{}, true, true
	for i, b := range seed {
		distinct[b] = struct{}{}
		printable = printable && b >= 0x20 && b < 0x7f
		counting = counting && b-seed[0] == byte(i)
	}
	return printable || counting || len(distinct) < minDistinct
}

// publishedSeeds are the secret keys printed in RFC 8032 section 7. The first
// is also the example key of RFC 8037.
var publishedSeeds = map[string]struct{}{
	"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60": {}, // test 1
	"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb": {}, // test 2
	"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7": {}, // test 3
	"f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5": {}, // test 1024
	"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42": {}, // test SHA(abc), Ed25519ph
	"0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6": {}, // Ed25519ctx foo
	"ab9c2853ce297ddab85c993b3ae14bcad39b2c682beabc27d6d4eb20711d6560": {}, // Ed25519ctx foo2
}

// ID returns the kid: the RFC 7638 thumbprint of the public half.
func (k *Key) ID() string { return k.id }

// Public returns the half that everyone may have.
func (k *Key) Public() PublicKey {
	return PublicKey{ID: k.id, Key: k.private.Public().(ed25519.PublicKey)}
}

// PEM returns the secret in the form ParseKey reads, to keep in a file of mode 0600.
func (k *Key) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, fmt.Errorf("encode signing key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Format prints the id, whatever the verb: a key in a log line is no leak.
func (k *Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "key "+k.id) }

// MarshalText answers the id, for encoders that would walk the fields.
func (k *Key) MarshalText() ([]byte, error) { return []byte("key " + k.id), nil }

// thumbprint is RFC 7638 with the members RFC 8037 names for OKP, in their
// lexicographic order and without spaces.
func thumbprint(public ed25519.PublicKey) string {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
