package user

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	v1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
)

const (
	maxURL       = 512  // characters
	maxSignature = 200  // characters
	maxBatch     = 1000 // ids
)

// UpdateProfile sets the given parts of the viewer's profile.
func (s *Service) UpdateProfile(ctx context.Context, req *v1.UpdateProfileRequest) (*v1.UpdateProfileResponse, error) {
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
	user, err := s.store.updateProfile(ctx, viewer.UserID, req)
	if err != nil {
		return nil, err
	}
	return &v1.UpdateProfileResponse{User: user}, nil
}

// BatchGetUsers answers the users that exist.
func (s *Service) BatchGetUsers(ctx context.Context, req *v1.BatchGetUsersRequest) (*v1.BatchGetUsersResponse, error) {
	if len(req.GetIds()) > maxBatch {
		return nil, fault.Invalid("ids", fmt.Sprintf("must be at most %d", maxBatch))
	}
	ids := slices.Clone(req.GetIds())
	slices.Sort(ids)
	users, err := s.store.users(ctx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	return &v1.BatchGetUsersResponse{Users: users}, nil
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
