package user

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/id"
)

const (
	maxURL       = 512  // characters
	maxSignature = 200  // characters
	maxBatch     = 1000 // ids

	writeTimeout = 10 * time.Second
)

// UpdateProfile sets the given parts of the viewer's profile.
func (s *Service) UpdateProfile(ctx context.Context, req *userv1.UpdateProfileRequest) (*userv1.UpdateProfileResponse, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkURL("avatar_url", req.GetAvatarUrl()); err != nil {
		return nil, err
	}
	if err := checkURL("background_url", req.GetBackgroundUrl()); err != nil {
		return nil, err
	}
	if err := checkSignature(req.GetSignature()); err != nil {
		return nil, err
	}
	// A caller who leaves must not leave the copies behind what was committed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	user, err := s.store.updateProfile(ctx, viewer.UserID, req)
	if err != nil {
		s.reread(ctx, viewer.UserID)
		return nil, err
	}
	s.wake()
	s.users.Put(ctx, user.GetId(), user)
	return &userv1.UpdateProfileResponse{User: user}, nil
}

// reread tells the copies what Postgres has after a write whose outcome is not
// known. When it cannot be read either, the event will tell them.
func (s *Service) reread(ctx context.Context, userID int64) {
	if users, err := s.store.users(ctx, []int64{userID}); err == nil && users[userID] != nil {
		s.users.Put(ctx, userID, users[userID])
	}
}

// BatchGetUsers answers the users that exist.
func (s *Service) BatchGetUsers(ctx context.Context, req *userv1.BatchGetUsersRequest) (*userv1.BatchGetUsersResponse, error) {
	if len(req.GetIds()) > maxBatch {
		return nil, fault.Invalid("ids", fmt.Sprintf("must be at most %d", maxBatch))
	}
	ids := make([]int64, 0, len(req.GetIds()))
	for _, userID := range req.GetIds() {
		if userID > 0 && userID < id.Max { // no other id is anybody's
			ids = append(ids, userID)
		}
	}
	slices.Sort(ids)
	users, err := s.users.GetList(ctx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	return &userv1.BatchGetUsersResponse{Users: users}, nil
}

// FindUser answers the user with a name.
func (s *Service) FindUser(ctx context.Context, req *userv1.FindUserRequest) (*userv1.FindUserResponse, error) {
	userID, err := s.ownerOf(ctx, req.GetName())
	if err != nil {
		return nil, err
	}
	if userID == 0 {
		return nil, noSuchUser()
	}
	users, err := s.users.GetList(ctx, []int64{userID})
	if err != nil {
		return nil, err
	}
	if len(users) == 0 {
		return nil, noSuchUser()
	}
	return &userv1.FindUserResponse{User: users[0]}, nil
}

// checkURL allows what a browser can load a picture from: never javascript:,
// and no user name or password on the way.
func checkURL(field, text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	good := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
	if !good || utf8.RuneCountInString(text) > maxURL || !storable(text) {
		return fault.Invalid(field, fmt.Sprintf("must be an http or https URL of at most %d characters", maxURL))
	}
	return nil
}

// checkSignature allows several lines.
func checkSignature(text string) error {
	control := strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' })
	if utf8.RuneCountInString(text) > maxSignature || control || !utf8.ValidString(text) {
		return fault.Invalid("signature", fmt.Sprintf("must have at most %d characters and no control characters", maxSignature))
	}
	return nil
}
