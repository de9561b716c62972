package user

import (
	"context"
	"fmt"
	"strings"

	"connectrpc.com/connect"

	v1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/username"
)

func usernameTaken() error {
	return fault.New(connect.CodeAlreadyExists, "this username is taken").For(v1.ErrorReason_ERROR_REASON_USERNAME_TAKEN)
}

// wrongCredentials does not say which of the two is wrong.
func wrongCredentials() error {
	return fault.New(connect.CodeUnauthenticated, "wrong username or password").For(v1.ErrorReason_ERROR_REASON_WRONG_CREDENTIALS)
}

func noSuchUser() error {
	return fault.NotFound("no such user").For(v1.ErrorReason_ERROR_REASON_USER_NOT_FOUND)
}

// Register creates an account and its first session.
func (s *Service) Register(ctx context.Context, req *v1.RegisterRequest) (*v1.RegisterResponse, error) {
	name, err := s.config.checkName(req.GetUsername())
	if err != nil {
		return nil, err
	}
	if err := s.config.checkPassword("password", req.GetPassword()); err != nil {
		return nil, err
	}
	// The insert decides. Looking first spares the hash of a hopeless try, and finds
	// accounts under what names were compared by before: no more of those are made.
	if owner, err := s.ownerOf(ctx, name); err != nil {
		return nil, err
	} else if owner != 0 {
		return nil, usernameTaken()
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
	created, err := s.store.insertAccount(ctx, newAccount{ID: userID, Name: name, NameKey: username.Key(name), PasswordHash: hash}, opened)
	if err != nil {
		return nil, err
	}
	if !created {
		return nil, usernameTaken()
	}
	// That there is no such user may be remembered.
	s.users.Put(ctx, userID, profile{ID: userID, Name: name, Version: firstVersion}.user())
	token, err := s.sign(opened)
	if err != nil {
		return nil, err
	}
	return &v1.RegisterResponse{UserId: userID, Token: token}, nil
}

// Login opens a session.
func (s *Service) Login(ctx context.Context, req *v1.LoginRequest) (*v1.LoginResponse, error) {
	if strings.TrimSpace(req.GetUsername()) == "" {
		return nil, fault.Invalid("username", "must not be empty")
	}
	if req.GetPassword() == "" {
		return nil, fault.Invalid("password", "must not be empty")
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
	inserted, err := s.store.insertSession(ctx, opened, found.PasswordVersion)
	if err != nil {
		return nil, err
	}
	if !inserted {
		return nil, wrongCredentials()
	}
	token, err := s.sign(opened)
	if err != nil {
		return nil, err
	}
	return &v1.LoginResponse{UserId: found.UserID, Token: token}, nil
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
func (s *Service) ChangePassword(ctx context.Context, req *v1.ChangePasswordRequest) (*v1.ChangePasswordResponse, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.config.checkPassword("new_password", req.GetNewPassword()); err != nil {
		return nil, err
	}
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
	changed, ended, err := s.store.changePassword(ctx, opened, found.PasswordVersion, hash)
	if err != nil {
		return nil, err
	}
	if !changed {
		return nil, wrongCredentials()
	}
	s.sessions.forget(viewer.UserID, ended...)
	token, err := s.sign(opened)
	if err != nil {
		return nil, err
	}
	return &v1.ChangePasswordResponse{Token: token}, nil
}
