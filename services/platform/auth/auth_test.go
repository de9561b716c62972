package auth_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
)

// clock is a time that moves when told.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) Now() time.Time          { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) Advance(d time.Duration) { c.nanos.Add(int64(d)) }

func newKey(t *testing.T) *auth.Key {
	t.Helper()
	key, err := auth.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newVerifier(t *testing.T, c *clock, audience string, keys auth.KeySource) *auth.Verifier {
	t.Helper()
	v, err := auth.NewVerifier(auth.VerifierOptions{Keys: keys, Audience: audience, Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func sign(t *testing.T, f func(int64, string, time.Duration) (string, error), ttl time.Duration) string {
	t.Helper()
	token, err := f(42, "s1", ttl)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func wantRefused(t *testing.T, err error) {
	t.Helper()
	f, ok := fault.As(err)
	if !ok {
		t.Fatalf("got %v, want a fault", err)
	}
	// A client must not learn which check failed.
	if diff := cmp.Diff(fault.LoginRequired().Message(), f.Message()); f.Code() != connect.CodeUnauthenticated || diff != "" {
		t.Errorf("got %v, want the one refusal (-want +got):\n%s", f.Code(), diff)
	}
}

func TestTokenSaysWhoItWasSignedFor(t *testing.T) {
	t.Parallel()
	c := newClock()
	issuer := auth.NewIssuer(c.Now, newKey(t))
	v := newVerifier(t, c, auth.AudienceMesh, auth.StaticKeys(issuer.Public()...))
	got, err := v.Verify(t.Context(), sign(t, issuer.SignViewer, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	want := auth.Verified{Viewer: auth.Viewer{UserID: 42, SessionID: "s1"}, ExpiresAt: c.Now().Add(time.Minute)}
	got.ExpiresAt = got.ExpiresAt.UTC()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verified (-want +got):\n%s", diff)
	}
}

func TestSessionTokenIsNoViewerToken(t *testing.T) {
	t.Parallel()
	c := newClock()
	issuer := auth.NewIssuer(c.Now, newKey(t))
	keys := auth.StaticKeys(issuer.Public()...)
	_, err := newVerifier(t, c, auth.AudienceMesh, keys).Verify(t.Context(), sign(t, issuer.SignSession, time.Minute))
	wantRefused(t, err)
	_, err = newVerifier(t, c, auth.AudienceClient, keys).Verify(t.Context(), sign(t, issuer.SignViewer, time.Minute))
	wantRefused(t, err)
}

func TestTokenEndsAtItsExpiryAlsoWhenRemembered(t *testing.T) {
	t.Parallel()
	c := newClock()
	issuer := auth.NewIssuer(c.Now, newKey(t))
	keys := auth.StaticKeys(issuer.Public()...)
	token := sign(t, issuer.SignViewer, time.Minute)
	remembering, fresh := newVerifier(t, c, auth.AudienceMesh, keys), newVerifier(t, c, auth.AudienceMesh, keys)
	if _, err := remembering.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	c.Advance(time.Minute - time.Nanosecond)
	if _, err := remembering.Verify(t.Context(), token); err != nil {
		t.Errorf("refused before its end: %v", err)
	}
	c.Advance(time.Nanosecond)
	_, err := remembering.Verify(t.Context(), token)
	wantRefused(t, err)
	_, err = fresh.Verify(t.Context(), token)
	wantRefused(t, err)
}

// forge signs claims of the attacker's choice.
func forge(t *testing.T, method jwt.SigningMethod, key any, kid string, change func(jwt.MapClaims)) string {
	t.Helper()
	body := jwt.MapClaims{
		"iss": auth.IssuerName, "aud": auth.AudienceMesh, "sub": "42", "sid": "s1",
		"iat": newClock().Now().Unix(), "exp": newClock().Now().Add(time.Hour).Unix(),
	}
	change(body)
	token := jwt.NewWithClaims(method, body)
	if kid != "" {
		token.Header["kid"] = kid
	}
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBadTokensAreRefusedAlike(t *testing.T) {
	t.Parallel()
	c := newClock()
	private, public := rawKey(t)
	kid := public.ID
	v := newVerifier(t, c, auth.AudienceMesh, auth.StaticKeys(public))
	same := func(jwt.MapClaims) {}
	good := forge(t, jwt.SigningMethodEdDSA, private, kid, same)
	if _, err := v.Verify(t.Context(), good); err != nil {
		t.Fatalf("the unchanged forgery must pass, or this test shows nothing: %v", err)
	}
	other, _ := rawKey(t)
	set := func(name string, value any) string {
		return forge(t, jwt.SigningMethodEdDSA, private, kid, func(m jwt.MapClaims) { m[name] = value })
	}
	unset := func(name string) string {
		return forge(t, jwt.SigningMethodEdDSA, private, kid, func(m jwt.MapClaims) { delete(m, name) })
	}
	for name, token := range map[string]string{
		"empty":               "",
		"garbage":             "a.b.c",
		"too long":            good + string(make([]byte, 4096)),
		"alg none":            forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid, same),
		"HS256 by public key": forge(t, jwt.SigningMethodHS256, []byte(public.Key), kid, same),
		"key of another":      forge(t, jwt.SigningMethodEdDSA, other, kid, same),
		"no kid":              forge(t, jwt.SigningMethodEdDSA, private, "", same),
		"unknown kid":         forge(t, jwt.SigningMethodEdDSA, private, "nobody's", same),
		"other audience":      set("aud", auth.AudienceClient),
		"no audience":         unset("aud"),
		"other issuer":        set("iss", "somebody"),
		"no issuer":           unset("iss"),
		"expired":             set("exp", c.Now().Add(-time.Second).Unix()),
		"no expiry":           unset("exp"),
		"expiry as text":      set("exp", "never"),
		"no subject":          unset("sub"),
		"subject zero":        set("sub", "0"),
		"subject negative":    set("sub", "-42"),
		"subject at 2^53":     set("sub", "9007199254740992"),
		"subject not decimal": set("sub", "0x2a"),
		"no session":          unset("sid"),
		"tampered body":       tamper(good, 1),
		"tampered signature":  tamper(good, 2),
		"trailing bytes":      good + "A",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := v.Verify(context.Background(), token)
			wantRefused(t, err)
		})
	}
}

func TestRepeatedTokenChecksNoSignature(t *testing.T) { // not parallel: it counts allocations
	c := newClock()
	issuer := auth.NewIssuer(c.Now, newKey(t))
	v := newVerifier(t, c, auth.AudienceMesh, auth.StaticKeys(issuer.Public()...))
	token := sign(t, issuer.SignViewer, time.Minute)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	})
	// Parsing alone would make dozens.
	if allocs > 1 {
		t.Errorf("a repeated token made %v allocations", allocs)
	}
}

// served is an issuer's key set behind HTTP, which can change and break.
type served struct {
	*httptest.Server
	handler atomic.Pointer[http.Handler]
	asked   atomic.Int64
}

func serve(t *testing.T, issuer *auth.Issuer) *served {
	t.Helper()
	s := &served{}
	s.set(t, issuer)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		(*s.handler.Load()).ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *served) set(t *testing.T, issuer *auth.Issuer) {
	t.Helper()
	h, err := issuer.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	s.handler.Store(&h)
}

func (s *served) keys() auth.KeySource { return auth.RemoteKeys(s.Client(), s.URL+auth.PathJWKS) }

func TestRotationRefusesNobody(t *testing.T) {
	t.Parallel()
	c := newClock()
	first, second := newKey(t), newKey(t)
	before := auth.NewIssuer(c.Now, first)
	remote := serve(t, before)
	v := newVerifier(t, c, auth.AudienceMesh, remote.keys())
	verify := func(token string) error { _, err := v.Verify(t.Context(), token); return err }
	if err := verify(sign(t, before.SignViewer, time.Hour)); err != nil {
		t.Fatal(err)
	}
	c.Advance(10 * time.Second)
	after := auth.NewIssuer(c.Now, second, first)
	remote.set(t, after)
	if err := verify(sign(t, after.SignViewer, time.Hour)); err != nil {
		t.Errorf("newest key: %v", err)
	}
	if err := verify(sign(t, before.SignViewer, 2*time.Hour)); err != nil {
		t.Errorf("older key: %v", err)
	}
	if got := remote.asked.Load(); got != 2 {
		t.Errorf("key set was read %d times, want 2", got)
	}
}

func TestWithdrawnKeyStopsToVerify(t *testing.T) {
	t.Parallel()
	c := newClock()
	leaked, replacement := newKey(t), newKey(t)
	before := auth.NewIssuer(c.Now, leaked)
	remote := serve(t, before)
	v := newVerifier(t, c, auth.AudienceMesh, remote.keys())
	if _, err := v.Verify(t.Context(), sign(t, before.SignViewer, time.Hour)); err != nil {
		t.Fatal(err)
	}
	remote.set(t, auth.NewIssuer(c.Now, replacement))
	c.Advance(6 * time.Minute)
	deadline := time.Now().Add(10 * time.Second)
	for ttl := time.Hour; ; ttl += time.Second { // each token is new, or it would be remembered
		_, err := v.Verify(t.Context(), sign(t, before.SignViewer, ttl))
		if err != nil {
			wantRefused(t, err)
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("withdrawn key still verifies")
		}
	}
}

func TestMadeUpKeyNamesDoNotFloodTheIssuer(t *testing.T) {
	t.Parallel()
	c := newClock()
	remote := serve(t, auth.NewIssuer(c.Now, newKey(t)))
	v := newVerifier(t, c, auth.AudienceMesh, remote.keys())
	stranger := auth.NewIssuer(c.Now, newKey(t))
	done := make(chan error)
	for i := range 50 {
		go func() {
			token, _ := stranger.SignViewer(int64(i)+1, "s", time.Hour)
			_, err := v.Verify(context.Background(), token)
			done <- err
		}()
	}
	for range 50 {
		wantRefused(t, <-done)
	}
	if got := remote.asked.Load(); got != 1 {
		t.Errorf("key set was read %d times, want 1", got)
	}
}

func TestUnreachableIssuerIsNoVerdict(t *testing.T) {
	t.Parallel()
	c := newClock()
	issuer := auth.NewIssuer(c.Now, newKey(t))
	remote := serve(t, issuer)
	works := *remote.handler.Load()
	var broken http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	remote.handler.Store(&broken)
	v := newVerifier(t, c, auth.AudienceMesh, remote.keys())
	token := sign(t, issuer.SignViewer, time.Hour)
	if _, err := v.Verify(t.Context(), token); fault.CodeOf(err) != connect.CodeUnavailable {
		t.Fatalf("got %v, want unavailable", err)
	}
	remote.handler.Store(&works)
	c.Advance(5 * time.Second)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Errorf("after the issuer came back: %v", err)
	}
}

func TestViewerTravelsInContext(t *testing.T) {
	t.Parallel()
	if _, err := auth.MustViewer(t.Context()); fault.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("anonymous: got %v", err)
	}
	if _, ok := auth.TokenFrom(auth.WithToken(t.Context(), "")); ok {
		t.Error("an empty token is none")
	}
	ctx := auth.WithToken(auth.WithViewer(t.Context(), auth.Viewer{UserID: 7, SessionID: "s"}), "jwt")
	v, err := auth.MustViewer(ctx)
	if diff := cmp.Diff(auth.Viewer{UserID: 7, SessionID: "s"}, v); diff != "" || err != nil {
		t.Errorf("viewer: %v (-want +got):\n%s", err, diff)
	}
	if token, ok := auth.TokenFrom(ctx); !ok || token != "jwt" {
		t.Errorf("token: %q, %v", token, ok)
	}
}

func BenchmarkVerifyRemembered(b *testing.B) {
	c := newClock()
	key, _ := auth.NewKey(rand.Reader)
	issuer := auth.NewIssuer(c.Now, key)
	v, _ := auth.NewVerifier(auth.VerifierOptions{Keys: auth.StaticKeys(issuer.Public()...), Audience: auth.AudienceMesh, Now: time.Now})
	token, _ := auth.NewIssuer(time.Now, key).SignViewer(1, "s", time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
