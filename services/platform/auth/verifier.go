package auth

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/maypok86/otter/v2"

	"douyin.dev/services/platform/fault"
)

const (
	// MaxToken bounds a token, in bytes: ours have about 300.
	MaxToken = 1 << 10
	// defaultRemembered is how many tokens a verifier remembers.
	defaultRemembered = 20_000
)

// VerifierOptions says which tokens a Verifier accepts.
type VerifierOptions struct {
	// Keys is asked for the keys that may have signed; required.
	Keys KeySource
	// Audience is the one a token must be for; required.
	Audience string
	// Now tells the time; required.
	Now func() time.Time
	// Remembered bounds the tokens kept as verified; 0 for 20,000.
	Remembered int
}

// Verified is what a good token says.
type Verified struct {
	Viewer Viewer
	// ExpiresAt is when the token ends, to the second.
	ExpiresAt time.Time
}

// Plausible reports whether a text may be a token at all: 1 to MaxToken characters
// of base64url and dots. Whoever keeps something for a token looks here first, so
// that nothing is kept and nobody is asked for any other text.
func Plausible(token string) bool {
	if token == "" || len(token) > MaxToken {
		return false
	}
	for i := range len(token) {
		if !inTokens[token[i]] {
			return false
		}
	}
	return true
}

// inTokens are the characters of a JWT in compact form (RFC 7515, section 3.1).
var inTokens = func() (in [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") {
		in[c] = true
	}
	return in
}()

// Verifier checks tokens. A token it has seen costs a look into a map and no
// signature check. It is safe for concurrent use.
type Verifier struct {
	keys   *keyring
	parser *jwt.Parser
	now    func() time.Time
	// seen holds only tokens that were good, so that others push nothing out.
	seen *otter.Cache[string, Verified]
}

// NewVerifier returns a verifier. Keys are asked for with the first token.
func NewVerifier(o VerifierOptions) (*Verifier, error) {
	if o.Keys == nil || o.Audience == "" || o.Now == nil {
		return nil, errors.New("token verifier needs keys, an audience and a clock")
	}
	if o.Remembered <= 0 {
		o.Remembered = defaultRemembered
	}
	// Bounded by size only: an entry's end is checked when it is read, so the
	// cache needs no goroutine.
	seen, err := otter.New(&otter.Options[string, Verified]{MaximumSize: o.Remembered})
	if err != nil {
		return nil, fmt.Errorf("cache of verified tokens: %w", err)
	}
	return &Verifier{
		keys: newKeyring(o.Keys, o.Now),
		now:  o.Now,
		seen: seen,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
			jwt.WithAudience(o.Audience),
			jwt.WithIssuer(IssuerName),
			jwt.WithExpirationRequired(),
			jwt.WithStrictDecoding(),
			jwt.WithTimeFunc(o.Now),
		),
	}, nil
}

// Verify returns what a token says. Every bad token gives fault.LoginRequired;
// when the keys cannot be had it gives fault.Unavailable, since the token may
// be good. The difference between bad tokens is only in the cause, for the log.
func (v *Verifier) Verify(ctx context.Context, token string) (Verified, error) {
	if !Plausible(token) {
		return Verified{}, fault.LoginRequired().Because(errors.New("token is empty, too long or not of the characters of tokens"))
	}
	if got, ok := v.seen.GetIfPresent(token); ok {
		if v.now().Before(got.ExpiresAt) {
			return got, nil
		}
		v.seen.Invalidate(token)
		return Verified{}, fault.LoginRequired().Because(jwt.ErrTokenExpired)
	}
	got, err := v.check(ctx, token)
	if err != nil {
		if errors.Is(err, errNoKeys) {
			return Verified{}, fault.Unavailable(err)
		}
		return Verified{}, fault.LoginRequired().Because(err)
	}
	v.seen.Set(strings.Clone(token), got) // it may be a piece of all of a request's headers
	return got, nil
}

func (v *Verifier) check(ctx context.Context, token string) (Verified, error) {
	var c claims
	_, err := v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		kid, ok := t.Header["kid"].(string)
		if !ok {
			return nil, errors.New("token names no key")
		}
		return v.keys.find(ctx, kid)
	})
	if err != nil {
		return Verified{}, err
	}
	userID, err := strconv.ParseInt(c.Subject, 10, 64)
	if err != nil || userID <= 0 || userID >= maxID {
		return Verified{}, errors.New("token's subject is not a user id")
	}
	if c.SessionID == "" {
		return Verified{}, errors.New("token has no session")
	}
	return Verified{Viewer: Viewer{UserID: userID, SessionID: c.SessionID}, ExpiresAt: c.ExpiresAt.Time}, nil
}
