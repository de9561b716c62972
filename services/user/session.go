package user

import (
	"context"
	"fmt"

	v1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
)

// newSession is a session from now on, not stored yet.
func (s *Service) newSession(userID int64) session {
	now := s.now()
	return session{UserID: userID, ID: s.sessionID(), CreatedAt: now, ExpiresAt: now.Add(s.config.SessionTTL)}
}

// sign returns the token a client holds for a session.
func (s *Service) sign(opened session) (string, error) {
	token, err := s.issuer.SignSession(opened.UserID, opened.ID, s.config.SessionTTL)
	if err != nil {
		return "", fmt.Errorf("token of a session: %w", err)
	}
	return token, nil
}

// Logout ends the session of the call.
func (s *Service) Logout(ctx context.Context, _ *v1.LogoutRequest) (*v1.LogoutResponse, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.store.deleteSession(ctx, viewer.UserID, viewer.SessionID); err != nil {
		return nil, err
	}
	s.sessions.forget(viewer.UserID, viewer.SessionID)
	return &v1.LogoutResponse{}, nil
}

// LogoutEverywhere ends every session of the viewer.
func (s *Service) LogoutEverywhere(ctx context.Context, _ *v1.LogoutEverywhereRequest) (*v1.LogoutEverywhereResponse, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return nil, err
	}
	ended, err := s.store.deleteSessions(ctx, viewer.UserID)
	if err != nil {
		return nil, err
	}
	s.sessions.forget(viewer.UserID, ended...)
	return &v1.LogoutEverywhereResponse{}, nil
}

// VerifySession checks a client's token and its session, and answers a
// short-lived viewer token for calls inside the mesh.
func (s *Service) VerifySession(ctx context.Context, req *v1.VerifySessionRequest) (*v1.VerifySessionResponse, error) {
	token, err := s.verifier.Verify(ctx, req.GetToken())
	if err != nil {
		return nil, err
	}
	live, err := s.sessions.find(ctx, sessionKey(token.Viewer))
	if err != nil {
		return nil, err
	}
	if live == nil {
		return nil, fault.LoginRequired()
	}
	return &v1.VerifySessionResponse{
		UserId:                 token.Viewer.UserID,
		SessionId:              token.Viewer.SessionID,
		ViewerToken:            live.viewerToken,
		ViewerTokenExpiresAtMs: live.viewerTokenEnds.UnixMilli(),
		SessionExpiresAtMs:     live.expiresAt.UnixMilli(),
	}, nil
}
