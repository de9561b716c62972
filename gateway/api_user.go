package gateway

import (
	"context"

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
	res, err := g.User.Register(ctx, &userv1.RegisterRequest{Username: req.GetUsername(), Password: req.GetPassword()})
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
	res, err := g.User.Login(ctx, &userv1.LoginRequest{Username: req.GetUsername(), Password: req.GetPassword()})
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

// UpdateProfile changes the caller's profile.
func (g *Gateway) UpdateProfile(ctx context.Context, req *apiv1.UpdateProfileRequest) (*apiv1.UpdateProfileResponse, error) {
	res, err := g.User.UpdateProfile(ctx, &userv1.UpdateProfileRequest{
		AvatarUrl: req.Avatar, BackgroundUrl: req.BackgroundImage, Signature: req.Signature,
	})
	if err != nil {
		return nil, err
	}
	user, err := g.user(ctx, res.GetUser().GetId())
	if err != nil {
		return nil, err
	}
	return &apiv1.UpdateProfileResponse{User: user}, nil
}

// ChangePassword replaces the caller's password and every session. It opens the
// account to whoever knows the old password, so it spends the login's budget.
func (g *Gateway) ChangePassword(ctx context.Context, req *apiv1.ChangePasswordRequest) (*apiv1.ChangePasswordResponse, error) {
	if req.GetOldPassword() == "" {
		return nil, fault.Invalid("old_password", "is required")
	}
	caller, err := callerID(ctx)
	if err != nil {
		return nil, err
	}
	known, err := g.reads.users.load(ctx, []int64{caller})
	if err != nil {
		return nil, err
	}
	if err := g.allowLogin(ctx, known[caller].GetName()); err != nil {
		return nil, err
	}
	res, err := g.User.ChangePassword(ctx, &userv1.ChangePasswordRequest{OldPassword: req.GetOldPassword(), NewPassword: req.GetNewPassword()})
	if err != nil {
		return nil, err
	}
	g.sessions.forget(TokenFrom(ctx))
	return &apiv1.ChangePasswordResponse{Token: res.GetToken()}, nil
}

// Logout ends the caller's session.
func (g *Gateway) Logout(ctx context.Context, _ *apiv1.LogoutRequest) (*apiv1.LogoutResponse, error) {
	if _, err := g.User.Logout(ctx, &userv1.LogoutRequest{}); err != nil {
		return nil, err
	}
	g.sessions.forget(TokenFrom(ctx))
	return &apiv1.LogoutResponse{}, nil
}

// LogoutEverywhere ends all of the caller's sessions.
func (g *Gateway) LogoutEverywhere(ctx context.Context, _ *apiv1.LogoutEverywhereRequest) (*apiv1.LogoutEverywhereResponse, error) {
	if _, err := g.User.LogoutEverywhere(ctx, &userv1.LogoutEverywhereRequest{}); err != nil {
		return nil, err
	}
	g.sessions.forget(TokenFrom(ctx))
	return &apiv1.LogoutEverywhereResponse{}, nil
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
