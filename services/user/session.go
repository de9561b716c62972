package user

import (
	"context"
	"fmt"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/pg"
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
func (s *Service) Logout(ctx context.Context, req *userv1.LogoutRequest) (*userv1.LogoutResponse, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.store.deleteSession(ctx, viewer.UserID, viewer.SessionID, req.GetIdempotencyKey()); err != nil {
		return nil, err
	}
	s.sessions.forget(viewer.UserID, viewer.SessionID)
	return &userv1.LogoutResponse{}, nil
}

// LogoutEverywhere ends every session of the viewer.
func (s *Service) LogoutEverywhere(ctx context.Context, req *userv1.LogoutEverywhereRequest) (*userv1.LogoutEverywhereResponse, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return nil, err
	}
	ended, err := s.store.deleteSessions(ctx, viewer.UserID, req.GetIdempotencyKey())
	if err != nil {
		return nil, err
	}
	s.sessions.forget(viewer.UserID, ended...)
	return &userv1.LogoutEverywhereResponse{}, nil
}

// RepeatAnswer answers a call again that ended the session of its token. That the
// token is signed, is enough to learn that: it opens nothing.
func (s *Service) RepeatAnswer(ctx context.Context, req *userv1.RepeatAnswerRequest) (*userv1.RepeatAnswerResponse, error) {
	token, err := s.verifier.Verify(ctx, req.GetToken())
	if err != nil {
		return nil, err
	}
	userID, found := token.Viewer.UserID, false
	res := &userv1.RepeatAnswerResponse{}
	switch call := req.GetCall().(type) {
	case *userv1.RepeatAnswerRequest_Logout:
		found, err = pg.Recall(ctx, s.store.db, userID, call.Logout.GetIdempotencyKey(), logout(token.Viewer.SessionID), &userv1.LogoutResponse{})
	case *userv1.RepeatAnswerRequest_LogoutEverywhere:
		found, err = pg.Recall(ctx, s.store.db, userID, call.LogoutEverywhere.GetIdempotencyKey(), logoutEverywhere(), &userv1.LogoutEverywhereResponse{})
	case *userv1.RepeatAnswerRequest_ChangePassword:
		var before *userv1.ChangePasswordResponse
		before, err = s.changedBefore(ctx, userID, call.ChangePassword)
		found, res.Token = before != nil, before.GetToken()
	}
	if err == nil && !found {
		err = fault.NotFound("no such call")
	}
	if err != nil {
		return nil, err
	}
	return res, nil
}

// VerifySession checks a client's token and its session, and answers a
// short-lived viewer token for calls inside the mesh.
func (s *Service) VerifySession(ctx context.Context, req *userv1.VerifySessionRequest) (*userv1.VerifySessionResponse, error) {
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
	return &userv1.VerifySessionResponse{
		UserId:                 token.Viewer.UserID,
		SessionId:              token.Viewer.SessionID,
		ViewerToken:            live.viewerToken,
		ViewerTokenExpiresAtMs: live.viewerTokenEnds.UnixMilli(),
		SessionExpiresAtMs:     live.expiresAt.UnixMilli(),
	}, nil
}
