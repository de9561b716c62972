package gateway

import (
	"context"

	"connectrpc.com/connect"

	"douyin.dev/gateway/policy"
	"douyin.dev/gateway/rest"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
)

// Register creates an account and logs it in. Registrations are limited per
// client.
func (g *Gateway) Register(ctx context.Context, req *apiv1.RegisterRequest) (*apiv1.RegisterResponse, error) {
	if err := g.allowRegistration(ctx); err != nil {
		return nil, err
	}
	leave, err := g.admission.enterPassword(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	res, err := g.User.Register(ctx, &userv1.RegisterRequest{
		Username: req.GetUsername(), Password: req.GetPassword(), IdempotencyKey: req.GetIdempotencyKey(),
	})
	if err != nil {
		return nil, err
	}
	return &apiv1.RegisterResponse{UserId: res.GetUserId(), Token: res.GetToken()}, nil
}

// Login opens a session. Attempts are limited per account and per address.
func (g *Gateway) Login(ctx context.Context, req *apiv1.LoginRequest) (*apiv1.LoginResponse, error) {
	if err := g.allowLogin(ctx, req.GetUsername()); err != nil {
		return nil, err
	}
	leave, err := g.admission.enterPassword(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	res, err := g.User.Login(ctx, &userv1.LoginRequest{
		Username: req.GetUsername(), Password: req.GetPassword(), IdempotencyKey: req.GetIdempotencyKey(),
	})
	if err != nil {
		return nil, err
	}
	return &apiv1.LoginResponse{UserId: res.GetUserId(), Token: res.GetToken()}, nil
}

// GetUser answers a user, by default the caller.
func (g *Gateway) GetUser(ctx context.Context, req *apiv1.GetUserRequest) (*apiv1.GetUserResponse, error) {
	id, err := userOrCaller(ctx, req.GetUserId())
	if err != nil {
		return nil, err
	}
	user, err := g.user(ctx, id)
	if err != nil {
		return nil, err
	}
	return &apiv1.GetUserResponse{User: user}, nil
}

// GetProfile answers a user to anybody.
func (g *Gateway) GetProfile(ctx context.Context, req *apiv1.GetProfileRequest) (*apiv1.GetProfileResponse, error) {
	id, err := g.profileID(ctx, req)
	if err != nil {
		return nil, err
	}
	user, err := g.user(ctx, id)
	if err != nil {
		return nil, err
	}
	return &apiv1.GetProfileResponse{User: user}, nil
}

// profileID returns whose profile is asked for, by id or by name.
func (g *Gateway) profileID(ctx context.Context, req *apiv1.GetProfileRequest) (int64, error) {
	if req.GetUserId() != 0 {
		return req.GetUserId(), nil
	}
	if req.GetName() == "" {
		return 0, policy.Missing("user_id")
	}
	res, err := g.User.FindUser(ctx, &userv1.FindUserRequest{Name: req.GetName()})
	return res.GetUser().GetId(), err
}

// UpdateProfile changes the caller's profile.
func (g *Gateway) UpdateProfile(ctx context.Context, req *apiv1.UpdateProfileRequest) (*apiv1.UpdateProfileResponse, error) {
	res, err := g.User.UpdateProfile(ctx, &userv1.UpdateProfileRequest{
		AvatarUrl: req.Avatar, BackgroundUrl: req.BackgroundImage, Signature: req.Signature,
		IdempotencyKey: req.GetIdempotencyKey(),
	})
	if err != nil {
		return nil, err
	}
	user, err := g.user(ctx, res.GetUser().GetId())
	if err != nil { // changed all the same
		user = publicUser(defaultPictures(rest.BaseURL(ctx)), res.GetUser(), nil)
	}
	return &apiv1.UpdateProfileResponse{User: user}, nil
}

// ChangePassword replaces the caller's password and every session. It opens the
// account to a caller who knows the old password, so it spends the login's budget.
func (g *Gateway) ChangePassword(ctx context.Context, req *apiv1.ChangePasswordRequest) (*apiv1.ChangePasswordResponse, error) {
	if req.GetOldPassword() == "" {
		return nil, fault.Invalid("old_password", "is required")
	}
	leave, err := g.admission.enterPassword(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	change := &userv1.ChangePasswordRequest{
		OldPassword: req.GetOldPassword(), NewPassword: req.GetNewPassword(), IdempotencyKey: req.GetIdempotencyKey(),
	}
	if _, ok := auth.ViewerFrom(ctx); !ok {
		if err := g.allowLoginFrom(ctx); err != nil {
			return nil, err
		}
		token, err := g.repeatAnswer(ctx, change.GetIdempotencyKey(), &userv1.RepeatAnswerRequest{
			Call: &userv1.RepeatAnswerRequest_ChangePassword{ChangePassword: change},
		})
		return &apiv1.ChangePasswordResponse{Token: token}, err
	}
	caller, err := callerID(ctx)
	if err != nil {
		return nil, err
	}
	known, err := g.reads.users.Load(ctx, []int64{caller})
	if err != nil {
		return nil, err
	}
	if err := g.allowLogin(ctx, known[caller].GetName()); err != nil {
		return nil, err
	}
	res, err := g.User.ChangePassword(ctx, change)
	if err != nil {
		return nil, err
	}
	g.sessions.forget(rest.TokenFrom(ctx))
	return &apiv1.ChangePasswordResponse{Token: res.GetToken()}, nil
}

// Logout ends the caller's session.
func (g *Gateway) Logout(ctx context.Context, req *apiv1.LogoutRequest) (*apiv1.LogoutResponse, error) {
	logout := &userv1.LogoutRequest{IdempotencyKey: req.GetIdempotencyKey()}
	if _, ok := auth.ViewerFrom(ctx); !ok {
		_, err := g.repeatAnswer(ctx, logout.GetIdempotencyKey(), &userv1.RepeatAnswerRequest{
			Call: &userv1.RepeatAnswerRequest_Logout{Logout: logout},
		})
		return &apiv1.LogoutResponse{}, err
	}
	if _, err := g.User.Logout(ctx, logout); err != nil {
		return nil, err
	}
	g.sessions.forget(rest.TokenFrom(ctx))
	return &apiv1.LogoutResponse{}, nil
}

// LogoutEverywhere ends all of the caller's sessions.
func (g *Gateway) LogoutEverywhere(ctx context.Context, req *apiv1.LogoutEverywhereRequest) (*apiv1.LogoutEverywhereResponse, error) {
	logout := &userv1.LogoutEverywhereRequest{IdempotencyKey: req.GetIdempotencyKey()}
	if _, ok := auth.ViewerFrom(ctx); !ok {
		_, err := g.repeatAnswer(ctx, logout.GetIdempotencyKey(), &userv1.RepeatAnswerRequest{
			Call: &userv1.RepeatAnswerRequest_LogoutEverywhere{LogoutEverywhere: logout},
		})
		return &apiv1.LogoutEverywhereResponse{}, err
	}
	if _, err := g.User.LogoutEverywhere(ctx, logout); err != nil {
		return nil, err
	}
	g.sessions.forget(rest.TokenFrom(ctx))
	return &apiv1.LogoutEverywhereResponse{}, nil
}

// repeatAnswer answers a call whose caller has no session any more, because the
// call itself ended it when it came before.
func (g *Gateway) repeatAnswer(ctx context.Context, key string, req *userv1.RepeatAnswerRequest) (string, error) {
	if key == "" {
		return "", fault.LoginRequired()
	}
	req.Token = rest.TokenFrom(ctx)
	res, err := g.User.RepeatAnswer(ctx, req)
	if fault.CodeOf(err) == connect.CodeNotFound { // nothing to repeat: the session is over
		err = fault.LoginRequired()
	}
	return res.GetToken(), err
}

// user answers one user, or that there is none.
func (g *Gateway) user(ctx context.Context, id int64) (*apiv1.User, error) {
	users, err := g.users(ctx, []int64{id})
	if err != nil {
		return nil, err
	}
	if users[id] == nil {
		return nil, fault.NotFound("no such user").For(userv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND)
	}
	return users[id], nil
}

// mustExist refuses a user that does not exist.
func (g *Gateway) mustExist(ctx context.Context, id int64) error {
	res, err := g.User.BatchGetUsers(ctx, &userv1.BatchGetUsersRequest{Ids: []int64{id}})
	if err != nil {
		return err
	}
	if len(res.GetUsers()) == 0 {
		return fault.NotFound("no such user").For(userv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND)
	}
	return nil
}

// userOrCaller answers the asked id, or the caller's where none is asked.
func userOrCaller(ctx context.Context, id int64) (int64, error) {
	if id != 0 {
		return id, nil
	}
	if viewer, ok := auth.ViewerFrom(ctx); ok {
		return viewer.UserID, nil
	}
	return 0, fault.Invalid("user_id", "is required without a token")
}
