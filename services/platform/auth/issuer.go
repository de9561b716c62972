package auth

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// IssuerName is the iss of every token.
	IssuerName = "douyin"
	// AudienceClient is the aud of the session tokens clients hold.
	AudienceClient = "client"
	// AudienceMesh is the aud of the viewer tokens services check.
	AudienceMesh = "mesh"
)

// maxID bounds user ids: they must be exact in a JavaScript number.
const maxID = 1 << 53

// claims is the body of our tokens.
type claims struct {
	jwt.RegisteredClaims
	SessionID string `json:"sid"`
}

// Issuer signs tokens. It is safe for concurrent use.
type Issuer struct {
	keys []*Key
	now  func() time.Time
}

// NewIssuer returns an issuer that signs with newest; older keys still verify.
//
// To rotate without refusing anyone: first add the new key as an older one in
// every replica, so that all serve it; then make it the newest; drop the old key
// when the longest token it signed has ended.
func NewIssuer(now func() time.Time, newest *Key, older ...*Key) *Issuer {
	return &Issuer{keys: append([]*Key{newest}, older...), now: now}
}

// SignSession returns the token a client holds for a login.
func (i *Issuer) SignSession(userID int64, sessionID string, ttl time.Duration) (string, error) {
	return i.sign(AudienceClient, userID, sessionID, ttl)
}

// SignViewer returns the token that stands for the user inside the mesh.
func (i *Issuer) SignViewer(userID int64, sessionID string, ttl time.Duration) (string, error) {
	return i.sign(AudienceMesh, userID, sessionID, ttl)
}

func (i *Issuer) sign(audience string, userID int64, sessionID string, ttl time.Duration) (string, error) {
	if userID <= 0 || userID >= maxID {
		return "", fmt.Errorf("sign token: user id %d is out of range", userID)
	}
	if sessionID == "" || ttl < time.Second {
		return "", errors.New("sign token: a session id and a lifetime of a second at least are needed")
	}
	now := i.now()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    IssuerName,
			Subject:   strconv.FormatInt(userID, 10),
			Audience:  jwt.ClaimStrings{audience},
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(ttl)),
		},
		SessionID: sessionID,
	})
	key := i.keys[0]
	token.Header["kid"] = key.id
	signed, err := token.SignedString(key.private)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return signed, nil
}

// Public returns every key that verifies, the newest first.
func (i *Issuer) Public() []PublicKey {
	public := make([]PublicKey, 0, len(i.keys))
	for _, k := range i.keys {
		public = append(public, k.Public())
	}
	return public
}

// JWKS serves Public; mount it at PathJWKS.
func (i *Issuer) JWKS() (http.Handler, error) { return JWKS(i.Public()) }
