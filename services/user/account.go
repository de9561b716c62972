package user

import (
	"context"
	"fmt"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/pg"
	"douyin.dev/services/platform/username"
)

func usernameTaken() error {
	return fault.New(connect.CodeAlreadyExists, "this username is taken").For(userv1.ErrorReason_ERROR_REASON_USERNAME_TAKEN)
}

// wrongCredentials does not say which of the two is wrong.
func wrongCredentials() error {
	return fault.New(connect.CodeUnauthenticated, "wrong username or password").For(userv1.ErrorReason_ERROR_REASON_WRONG_CREDENTIALS)
}

func noSuchUser() error {
	return fault.NotFound("no such user").For(userv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND)
}

// Register creates an account and its first session.
func (s *Service) Register(ctx context.Context, req *userv1.RegisterRequest) (*userv1.RegisterResponse, error) {
	name, err := s.config.checkName(req.GetUsername())
	if err != nil {
		return nil, err
	}
	if err := s.config.checkPassword("password", req.GetPassword()); err != nil {
		return nil, err
	}
	if err := pg.CheckKey(req.GetIdempotencyKey()); err != nil {
		return nil, err
	}
	// The insert decides. Looking first spares the hash of a hopeless try, and finds
	// accounts under what names were compared by before: no more of those are made.
	if owner, err := s.ownerOf(ctx, name); err != nil {
		return nil, err
	} else if owner != 0 {
		return s.registerAgain(ctx, owner, req)
	}
	hash, err := s.passwords.Hash(ctx, auth.ForRegistration, req.GetPassword())
	if err != nil {
		return nil, err
	}
	userID, err := s.ids.Next()
	if err != nil {
		return nil, fault.Unavailable(fmt.Errorf("id of a new account: %w", err))
	}
	opened := s.newSession(userID)
	account := newAccount{ID: userID, Name: name, NameKey: username.Key(name), PasswordHash: hash}
	err = s.store.insertAccount(ctx, account, opened, req.GetIdempotencyKey())
	if fault.HasReason(err, userv1.ErrorReason_ERROR_REASON_USERNAME_TAKEN) && req.GetIdempotencyKey() != "" {
		owner, err := s.ownerOf(ctx, name) // perhaps of this very call, which came twice at once
		if err != nil {
			return nil, err
		}
		return s.registerAgain(ctx, owner, req)
	}
	if err != nil {
		return nil, err
	}
	s.wake()
	// That there is no such user may be remembered.
	s.users.Put(ctx, userID, profile{ID: userID, Name: name, Version: firstVersion}.user())
	token, err := s.sign(opened)
	if err != nil {
		return nil, err
	}
	return &userv1.RegisterResponse{UserId: userID, Token: token}, nil
}

// registerAgain refuses a name that has an owner, unless the call is the one that
// made the account: it has its idempotency key, which belongs to the owner, and the
// password. Then it answers the same session; nobody else learns of it.
func (s *Service) registerAgain(ctx context.Context, owner int64, req *userv1.RegisterRequest) (*userv1.RegisterResponse, error) {
	opened := &wrapperspb.StringValue{}
	found, err := pg.Recall(ctx, s.store.db, owner, req.GetIdempotencyKey(), registration(), opened)
	if err != nil && fault.CodeOf(err) != connect.CodeInvalidArgument {
		return nil, err
	}
	if !found {
		return nil, usernameTaken()
	}
	right, err := s.hasPassword(ctx, owner, req.GetPassword())
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, usernameTaken()
	}
	token, err := s.sign(session{UserID: owner, ID: opened.GetValue()})
	if err != nil {
		return nil, err
	}
	return &userv1.RegisterResponse{UserId: owner, Token: token}, nil
}

// hasPassword reports whether a password is a user's.
func (s *Service) hasPassword(ctx context.Context, userID int64, password string) (bool, error) {
	c, err := s.store.credentialsOf(ctx, userID)
	if err != nil || c.UserID == 0 {
		return false, err
	}
	right, _, err := s.passwords.Verify(ctx, password, c.PasswordHash)
	return right, err
}

// Login opens a session. A repeated call proves the password again, and gets a
// new token of the same session.
func (s *Service) Login(ctx context.Context, req *userv1.LoginRequest) (*userv1.LoginResponse, error) {
	if strings.TrimSpace(req.GetUsername()) == "" {
		return nil, fault.Invalid("username", "must not be empty")
	}
	if req.GetPassword() == "" {
		return nil, fault.Invalid("password", "must not be empty")
	}
	if err := pg.CheckKey(req.GetIdempotencyKey()); err != nil {
		return nil, err
	}
	found, err := s.credentials(ctx, req.GetUsername())
	if err != nil {
		return nil, err
	}
	if err := s.verify(ctx, found, req.GetPassword()); err != nil {
		return nil, err
	}
	opened := s.newSession(found.UserID)
	// A password that was changed since it was read opens nothing.
	if opened.ID, err = s.store.insertSession(ctx, opened, found.PasswordVersion, req.GetIdempotencyKey()); err != nil {
		return nil, err
	}
	token, err := s.sign(opened)
	if err != nil {
		return nil, err
	}
	return &userv1.LoginResponse{UserId: found.UserID, Token: token}, nil
}

// credentials asks both tables also for a name nobody has: the time it takes
// must not tell. UserID is then 0.
func (s *Service) credentials(ctx context.Context, name string) (credentials, error) {
	userID, err := s.ownerOf(ctx, name)
	if err != nil {
		return credentials{}, err
	}
	return s.store.credentialsOf(ctx, userID)
}

// ownerOf returns whose name it is, by both of its keys; 0 for nobody's.
func (s *Service) ownerOf(ctx context.Context, name string) (int64, error) {
	if name = strings.TrimSpace(name); len(name) > username.MaxBytes || !storable(name) {
		return 0, nil
	}
	return s.store.userByName(ctx, username.Folded(name), username.Key(name))
}

// verify refuses a wrong password, and hashes a right one anew when its hash is
// out of date: later, when too much hashing waits now.
func (s *Service) verify(ctx context.Context, c credentials, password string) error {
	if c.UserID == 0 {
		if err := s.passwords.VerifyNobody(ctx, password); err != nil {
			return err
		}
		return wrongCredentials()
	}
	ok, outdated, err := s.passwords.Verify(ctx, password, c.PasswordHash)
	if err != nil {
		return err
	}
	if !ok {
		return wrongCredentials()
	}
	if !outdated {
		return nil
	}
	hash, err := s.passwords.Hash(ctx, auth.ForAccount, password)
	if fault.CodeOf(err) == connect.CodeResourceExhausted {
		return nil
	}
	if err != nil {
		return err
	}
	return s.store.rehash(ctx, c, hash)
}

// ChangePassword replaces the password, ends every session and opens a new one.
func (s *Service) ChangePassword(ctx context.Context, req *userv1.ChangePasswordRequest) (*userv1.ChangePasswordResponse, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.config.checkPassword("new_password", req.GetNewPassword()); err != nil {
		return nil, err
	}
	// A repeated call comes with an old password that is right no more.
	if before, err := s.changedBefore(ctx, viewer.UserID, req); before != nil || err != nil {
		return before, err
	}
	now, err := s.changePassword(ctx, viewer, req)
	if req.GetIdempotencyKey() != "" && fault.HasReason(err, userv1.ErrorReason_ERROR_REASON_WRONG_CREDENTIALS) {
		// The same call may have come twice at once.
		if before, err := s.changedBefore(ctx, viewer.UserID, req); before != nil || err != nil {
			return before, err
		}
	}
	return now, err
}

// changedBefore answers a ChangePassword whose idempotency key has been used: as
// the first time when the new password is the user's by now. It returns nil when
// the key is new.
func (s *Service) changedBefore(ctx context.Context, userID int64, req *userv1.ChangePasswordRequest) (*userv1.ChangePasswordResponse, error) {
	opened := &wrapperspb.StringValue{}
	found, err := pg.Recall(ctx, s.store.db, userID, req.GetIdempotencyKey(), passwordChange(), opened)
	if err != nil || !found {
		return nil, err
	}
	right, err := s.hasPassword(ctx, userID, req.GetNewPassword())
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, pg.OtherParameters()
	}
	token, err := s.sign(session{UserID: userID, ID: opened.GetValue()})
	if err != nil {
		return nil, err
	}
	return &userv1.ChangePasswordResponse{Token: token}, nil
}

func (s *Service) changePassword(ctx context.Context, viewer auth.Viewer, req *userv1.ChangePasswordRequest) (*userv1.ChangePasswordResponse, error) {
	found, err := s.store.credentialsOf(ctx, viewer.UserID)
	if err != nil {
		return nil, err
	}
	if err := s.verify(ctx, found, req.GetOldPassword()); err != nil {
		return nil, err
	}
	hash, err := s.passwords.Hash(ctx, auth.ForAccount, req.GetNewPassword())
	if err != nil {
		return nil, err
	}
	opened := s.newSession(viewer.UserID)
	ended, err := s.store.changePassword(ctx, opened, found.PasswordVersion, hash, req.GetIdempotencyKey())
	if err != nil {
		return nil, err
	}
	s.sessions.forget(viewer.UserID, ended...)
	token, err := s.sign(opened)
	if err != nil {
		return nil, err
	}
	return &userv1.ChangePasswordResponse{Token: token}, nil
}
