package user

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"github.com/jackc/pgx/v5"

	userv1 "douyin.dev/gen/douyin/user/v1"
)

// wantNothingSecret fails when the table of keys holds one of the texts.
func (b *bundle) wantNothingSecret(t *testing.T, texts ...string) {
	t.Helper()
	rows, err := b.db.RW().Query(t.Context(), `SELECT answer FROM idempotency`)
	if err != nil {
		t.Fatal(err)
	}
	answers, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil || len(answers) == 0 {
		t.Fatalf("%d answers, %v", len(answers), err)
	}
	for _, a := range answers {
		for _, text := range texts {
			if bytes.Contains(a, []byte(text)) {
				t.Errorf("%q is kept", text)
			}
		}
	}
}

func TestRegisterWithAKeyIsAnsweredAgainToItsCallerOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	req := &userv1.RegisterRequest{Username: "Ada", Password: "secret", IdempotencyKey: "k"}
	answers := make([]*userv1.RegisterResponse, 4)
	var calls sync.WaitGroup
	for i := range answers {
		calls.Go(func() {
			var err error
			if answers[i], err = b.Register(t.Context(), req); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	want := verified(t, b.Service, answers[0].GetToken())
	for _, a := range answers {
		if got := verified(t, b.Service, a.GetToken()); got.GetUserId() != want.GetUserId() || got.GetSessionId() != want.GetSessionId() || a.GetUserId() != want.GetUserId() {
			t.Errorf("answered user %d, session %s", a.GetUserId(), got.GetSessionId())
		}
	}
	if n, m := b.count(t, "account"), b.count(t, "session"); n != 1 || m != 1 {
		t.Errorf("%d accounts and %d sessions", n, m)
	}
	b.wantNothingSecret(t, "secret", answers[0].GetToken())
	for _, other := range []*userv1.RegisterRequest{
		{Username: "ada", Password: "wrong", IdempotencyKey: "k"},
		{Username: "ada", Password: "secret", IdempotencyKey: "other"},
		{Username: "ada", Password: "secret"},
	} {
		_, err := b.Register(t.Context(), other)
		wantReason(t, err, userv1.ErrorReason_ERROR_REASON_USERNAME_TAKEN)
	}
	// A key of one name says nothing of another.
	if _, err := b.Register(t.Context(), &userv1.RegisterRequest{Username: "bob", Password: "secret", IdempotencyKey: "k"}); err != nil {
		t.Error(err)
	}
}

func TestLoginWithAKeyOpensOneSession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, token := b.register(t, "ada", "secret")
	req := &userv1.LoginRequest{Username: "ada", Password: "secret", IdempotencyKey: "k"}
	sessions := map[string]bool{}
	for range 3 {
		res, err := b.Login(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		sessions[verified(t, b.Service, res.GetToken()).GetSessionId()] = true
		b.wantNothingSecret(t, "secret", res.GetToken())
	}
	if n := b.count(t, "session"); n != 2 || len(sessions) != 1 {
		t.Errorf("%d sessions, %d answered", n, len(sessions))
	}
	_, err := b.Login(t.Context(), &userv1.LoginRequest{Username: "ada", Password: "wrong", IdempotencyKey: "k"})
	wantReason(t, err, userv1.ErrorReason_ERROR_REASON_WRONG_CREDENTIALS)
	if _, err := b.ChangePassword(b.as(t, token), &userv1.ChangePasswordRequest{OldPassword: "secret", NewPassword: "new"}); err != nil {
		t.Fatal(err)
	}
	_, err = b.Login(t.Context(), &userv1.LoginRequest{Username: "ada", Password: "new", IdempotencyKey: "k"})
	wantField(t, err, "idempotency_key")
}

func TestChangePasswordWithAKeyIsDoneOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, token := b.register(t, "ada", "secret")
	viewer := b.as(t, token)
	req := &userv1.ChangePasswordRequest{OldPassword: "secret", NewPassword: "new", IdempotencyKey: "k"}
	first, err := b.ChangePassword(viewer, req)
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.ChangePassword(viewer, req)
	if err != nil {
		t.Fatal(err)
	}
	repeated, err := b.RepeatAnswer(t.Context(), &userv1.RepeatAnswerRequest{Token: token, Call: &userv1.RepeatAnswerRequest_ChangePassword{ChangePassword: req}})
	if err != nil {
		t.Fatal(err)
	}
	want := verified(t, b.Service, first.GetToken()).GetSessionId()
	for _, token := range []string{again.GetToken(), repeated.GetToken()} {
		if got := verified(t, b.Service, token).GetSessionId(); got != want {
			t.Errorf("answered session %s, want %s", got, want)
		}
	}
	b.wantNothingSecret(t, "secret", "new", first.GetToken())
	req.NewPassword = "else"
	_, err = b.ChangePassword(viewer, req)
	wantField(t, err, "idempotency_key")
	req.IdempotencyKey = "other"
	_, err = b.ChangePassword(viewer, req)
	wantReason(t, err, userv1.ErrorReason_ERROR_REASON_WRONG_CREDENTIALS)
}

func TestLogoutsWithAKeyAreAnsweredAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, token := b.register(t, "ada", "secret")
	if _, err := b.Logout(b.as(t, token), &userv1.LogoutRequest{IdempotencyKey: "k"}); err != nil {
		t.Fatal(err)
	}
	other := b.login(t, "ada", "secret")
	if _, err := b.LogoutEverywhere(b.as(t, other), &userv1.LogoutEverywhereRequest{IdempotencyKey: "all"}); err != nil {
		t.Fatal(err)
	}
	logout := func(key string) *userv1.RepeatAnswerRequest_Logout {
		return &userv1.RepeatAnswerRequest_Logout{Logout: &userv1.LogoutRequest{IdempotencyKey: key}}
	}
	everywhere := &userv1.RepeatAnswerRequest_LogoutEverywhere{LogoutEverywhere: &userv1.LogoutEverywhereRequest{IdempotencyKey: "all"}}
	for _, good := range []*userv1.RepeatAnswerRequest{{Token: token, Call: logout("k")}, {Token: other, Call: everywhere}} {
		if _, err := b.RepeatAnswer(t.Context(), good); err != nil {
			t.Error(err)
		}
	}
	_, mallory := b.register(t, "mallory", "secret")
	for _, none := range []*userv1.RepeatAnswerRequest{
		{Token: token, Call: logout("x")}, {Token: token, Call: logout("")},
		{Token: mallory, Call: logout("k")}, {Token: mallory, Call: everywhere}, {Token: token},
	} {
		_, err := b.RepeatAnswer(t.Context(), none)
		wantCode(t, err, connect.CodeNotFound)
	}
	_, err := b.RepeatAnswer(t.Context(), &userv1.RepeatAnswerRequest{Token: token + "x", Call: logout("k")})
	wantCode(t, err, connect.CodeUnauthenticated)
	_, err = b.RepeatAnswer(t.Context(), &userv1.RepeatAnswerRequest{Token: other, Call: logout("k")})
	wantField(t, err, "idempotency_key") // of another session
}

func TestProfileWithAKeyIsUpdatedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, token := b.register(t, "ada", "secret")
	keyed, plain := "keyed", "plain"
	update := func(signature *string, key string) int64 {
		t.Helper()
		res, err := b.UpdateProfile(b.as(t, token), &userv1.UpdateProfileRequest{Signature: signature, IdempotencyKey: key})
		if err != nil {
			t.Fatal(err)
		}
		return res.GetUser().GetVersion()
	}
	first := update(&keyed, "k")
	later := update(&plain, "")
	if again := update(&keyed, "k"); again != later || first != later-1 {
		t.Errorf("versions %d, %d and then %d", first, later, again)
	}
	b.wantNothingSecret(t, keyed)
	_, err := b.UpdateProfile(b.as(t, token), &userv1.UpdateProfileRequest{Signature: &plain, IdempotencyKey: "k"})
	wantField(t, err, "idempotency_key")
}

func TestBadKeysAreRefusedByName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, token := b.register(t, "ada", "secret")
	viewer := b.as(t, token)
	for _, key := range []string{"\x00", "\xff", strings.Repeat("k", 129)} {
		_, err := b.Register(t.Context(), &userv1.RegisterRequest{Username: "bob", Password: "secret", IdempotencyKey: key})
		wantField(t, err, "idempotency_key")
		_, err = b.Login(t.Context(), &userv1.LoginRequest{Username: "ada", Password: "secret", IdempotencyKey: key})
		wantField(t, err, "idempotency_key")
		_, err = b.Logout(viewer, &userv1.LogoutRequest{IdempotencyKey: key})
		wantField(t, err, "idempotency_key")
		_, err = b.LogoutEverywhere(viewer, &userv1.LogoutEverywhereRequest{IdempotencyKey: key})
		wantField(t, err, "idempotency_key")
		_, err = b.ChangePassword(viewer, &userv1.ChangePasswordRequest{OldPassword: "secret", NewPassword: "new", IdempotencyKey: key})
		wantField(t, err, "idempotency_key")
		_, err = b.UpdateProfile(viewer, &userv1.UpdateProfileRequest{IdempotencyKey: key})
		wantField(t, err, "idempotency_key")
	}
}
