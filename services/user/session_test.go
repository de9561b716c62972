package user

import (
	"crypto/rand"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/auth"
)

func TestVerifySessionAnswersViewerToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, token := b.register(t, "ada", "p")
	res := verified(t, b.Service, token)
	mesh, err := auth.NewVerifier(auth.VerifierOptions{
		Keys: auth.StaticKeys(b.issuer.Public()...), Audience: auth.AudienceMesh, Now: b.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := mesh.Verify(t.Context(), res.GetViewerToken())
	if err != nil {
		t.Fatal(err)
	}
	want := auth.Verified{
		Viewer:    auth.Viewer{UserID: id, SessionID: res.GetSessionId()},
		ExpiresAt: time.UnixMilli(res.GetViewerTokenExpiresAtMs()),
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Errorf("viewer token (-want +got):\n%s", diff)
	}
	if got, want := res.GetSessionExpiresAtMs(), b.clock.Now().Add(settings.SessionTTL).UnixMilli(); got != want {
		t.Errorf("session ends at %d, want %d", got, want)
	}
}

func TestViewerTokenStaysTheSameForHalfItsLife(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, token := b.register(t, "ada", "p")
	first := verified(t, b.Service, token)
	b.clock.Advance(viewerRenew - time.Second)
	if verified(t, b.Service, token).GetViewerToken() != first.GetViewerToken() {
		t.Error("a new viewer token before half of the first one's life")
	}
	b.clock.Advance(2 * time.Second)
	b.clock.Advance(believed)
	renewed := verified(t, b.Service, token)
	if renewed.GetViewerToken() == first.GetViewerToken() {
		t.Error("the viewer token was not renewed")
	}
	if left := time.UnixMilli(renewed.GetViewerTokenExpiresAtMs()).Sub(b.clock.Now()); left < viewerTTL-time.Second || left > viewerTTL {
		t.Errorf("renewed viewer token lasts %v", left)
	}
}

func TestViewerTokenEndsWithSession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, token := b.register(t, "ada", "p")
	b.clock.Advance(settings.SessionTTL - 30*time.Second)
	res := verified(t, b.Service, token)
	if res.GetViewerTokenExpiresAtMs() > res.GetSessionExpiresAtMs() {
		t.Errorf("viewer token ends at %d, after its session at %d", res.GetViewerTokenExpiresAtMs(), res.GetSessionExpiresAtMs())
	}
	// Second by second: never a signature that fails, never a token that is over.
	for b.clock.Now().UnixMilli() < res.GetSessionExpiresAtMs()-1000 {
		got := verified(t, b.Service, token)
		if got.GetViewerTokenExpiresAtMs() <= b.clock.Now().UnixMilli() {
			t.Fatalf("viewer token was over at %v", b.clock.Now())
		}
		b.clock.Advance(700 * time.Millisecond)
	}
	b.clock.Advance(2 * time.Second)
	wantRefused(t, b.Service, token)
}

func TestBadTokensAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, token := b.register(t, "ada", "p")
	key, err := auth.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := auth.NewIssuer(b.clock.Now, key).SignSession(id, "s", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := b.issuer.SignSession(id, "no such session", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	stolen, err := b.issuer.SignSession(id+1, verified(t, b.Service, token).GetSessionId(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"empty": "", "garbage": "garbage", "tampered": token[:len(token)-4] + "AAAA",
		"viewer token": verified(t, b.Service, token).GetViewerToken(),
		"foreign key":  foreign, "unknown session": unknown, "another user's session": stolen,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantRefused(t, b.Service, bad)
		})
	}
}

func TestLogoutEndsThisSessionAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, first := b.register(t, "ada", "p")
	second := b.login(t, "ada", "p")
	ctx := b.as(t, first)
	for range 2 { // the second time there is nothing to end
		if _, err := b.Logout(ctx, &userv1.LogoutRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	wantRefused(t, b.Service, first)
	verified(t, b.Service, second)
	_, err := b.Logout(t.Context(), &userv1.LogoutRequest{})
	wantCode(t, err, connect.CodeUnauthenticated)
}

func TestLogoutIsSeenByOtherInstancesInTwoSeconds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.instance(t, b.db)
	_, token := b.register(t, "ada", "p")
	verified(t, other, token)
	if _, err := b.Logout(b.as(t, token), &userv1.LogoutRequest{}); err != nil {
		t.Fatal(err)
	}
	verified(t, other, token) // remembered
	b.clock.Advance(believed)
	wantRefused(t, other, token)
}

func TestLogoutEverywhereEndsOnlyTheViewersSessions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, first := b.register(t, "ada", "p")
	second := b.login(t, "ada", "p")
	_, others := b.register(t, "bob", "p")
	verified(t, b.Service, second)
	if _, err := b.LogoutEverywhere(b.as(t, first), &userv1.LogoutEverywhereRequest{}); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, b.Service, first)
	wantRefused(t, b.Service, second)
	verified(t, b.Service, others)
	_, err := b.LogoutEverywhere(t.Context(), &userv1.LogoutEverywhereRequest{})
	wantCode(t, err, connect.CodeUnauthenticated)
}

func TestLoginSweepsExpiredSessions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, old := b.register(t, "ada", "p")
	b.clock.Advance(settings.SessionTTL)
	wantRefused(t, b.Service, old)
	b.login(t, "ada", "p")
	if n := b.count(t, "session"); n != 1 {
		t.Errorf("%d sessions, want the new one only", n)
	}
}

func TestWithoutPostgresKnownSessionsGoOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	db := b.pool(t)
	s := b.instance(t, db)
	_, known := b.register(t, "ada", "p")
	unknown := b.login(t, "ada", "p")
	first := verified(t, s, known)
	db.Close()

	b.clock.Advance(viewerTTL - 2*time.Second)
	if got := verified(t, s, known); got.GetViewerToken() != first.GetViewerToken() {
		t.Error("a new viewer token was signed without asking Postgres")
	}
	_, err := s.VerifySession(t.Context(), &userv1.VerifySessionRequest{Token: unknown})
	wantCode(t, err, connect.CodeUnavailable)
	// A token that is no good stays so, whatever is down.
	wantRefused(t, s, "garbage")

	b.clock.Advance(2 * time.Second)
	_, err = s.VerifySession(t.Context(), &userv1.VerifySessionRequest{Token: known})
	wantCode(t, err, connect.CodeUnavailable)
}

func TestHangingPostgresIsLikeNone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, known := b.register(t, "ada", "p")
	unknown := b.login(t, "ada", "p")
	first := verified(t, b.Service, known)
	hang, err := b.db.RW().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hang.Exec(t.Context(), `LOCK TABLE session IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(believed)
	if got := verified(t, b.Service, known); got.GetViewerToken() != first.GetViewerToken() {
		t.Error("a new viewer token was signed without asking Postgres")
	}
	_, err = b.VerifySession(t.Context(), &userv1.VerifySessionRequest{Token: unknown})
	wantCode(t, err, connect.CodeUnavailable)
	if err := hang.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	verified(t, b.Service, unknown)
}
