package gateway

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"connectrpc.com/connect"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/limit"
)

// accounts is a user service whose every user is called Sam, and whose every
// password is right.
type accounts struct{ openDoor }

func (accounts) BatchGetUsers(_ context.Context, req *userv1.BatchGetUsersRequest) (*userv1.BatchGetUsersResponse, error) {
	res := &userv1.BatchGetUsersResponse{}
	for _, id := range req.GetIds() {
		res.Users = append(res.Users, &userv1.User{Id: id, Name: "Sam"})
	}
	return res, nil
}

func (accounts) ChangePassword(context.Context, *userv1.ChangePasswordRequest) (*userv1.ChangePasswordResponse, error) {
	return &userv1.ChangePasswordResponse{Token: "t"}, nil
}

func newAccounts(t *testing.T, burst int) *Gateway {
	t.Helper()
	limiter, err := limit.New(nil, limit.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return New(Deps{
		User: accounts{}, Limiter: limiter, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Settings: Settings{LoginBurst: burst, LoginRate: 0.001},
	})
}

func wantTooMany(t *testing.T, what string, err error) {
	t.Helper()
	if f, _ := fault.As(err); f == nil || f.Code() != connect.CodeResourceExhausted || f.RetryAfter() < 1 {
		t.Errorf("%s: got %v, want too many requests and when to try again", what, err)
	}
}

func TestSpellingsOfANameShareOneLoginBudget(t *testing.T) {
	t.Parallel()
	spellings := []string{"sam", "Sam", " sam", "sam\u00a0", "sam\u3000", "ſam", "ｓａｍ", "s\u200bam"}
	g := newAccounts(t, len(spellings))
	login := func(name string) error {
		_, err := g.Login(t.Context(), &apiv1.LoginRequest{Username: name, Password: "guess"})
		return err
	}
	for _, name := range spellings {
		if err := login(name); err != nil {
			t.Fatalf("%+q: %v", name, err)
		}
	}
	for _, name := range spellings {
		wantTooMany(t, name, login(name))
	}
	if err := login("sam2"); err != nil {
		t.Errorf("another account: %v", err)
	}
}

func TestChangePasswordSpendsTheLoginBudget(t *testing.T) {
	t.Parallel()
	const burst = 3
	g := newAccounts(t, burst)
	ctx := auth.WithViewer(t.Context(), auth.Viewer{UserID: 7, SessionID: "s"})
	change := func() error {
		_, err := g.ChangePassword(ctx, &apiv1.ChangePasswordRequest{OldPassword: "guess", NewPassword: "new"})
		return err
	}
	for i := range burst {
		if err := change(); err != nil {
			t.Fatalf("change %d: %v", i+1, err)
		}
	}
	wantTooMany(t, "another change", change())
	_, err := g.Login(t.Context(), &apiv1.LoginRequest{Username: "SAM", Password: "guess"})
	wantTooMany(t, "a login of the same account", err)
}
