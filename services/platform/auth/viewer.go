package auth

import (
	"context"

	"douyin.dev/services/platform/fault"
)

// HeaderViewerToken carries the viewer token inside the mesh.
const HeaderViewerToken = "Viewer-Token"

// Viewer is the user a call acts for.
type Viewer struct {
	// UserID is in (0, 2^53).
	UserID int64
	// SessionID is the login the token came from; it can be revoked.
	SessionID string
}

type (
	viewerKey struct{}
	tokenKey  struct{}
)

// WithViewer returns a context that acts for v.
func WithViewer(ctx context.Context, v Viewer) context.Context {
	return context.WithValue(ctx, viewerKey{}, v)
}

// Anonymous returns a context that acts for nobody: neither here nor in the
// calls made with it.
func Anonymous(ctx context.Context) context.Context {
	if _, known := ViewerFrom(ctx); known {
		ctx = context.WithValue(ctx, viewerKey{}, nil)
	}
	if _, carried := TokenFrom(ctx); carried {
		ctx = WithToken(ctx, "")
	}
	return ctx
}

// ViewerFrom returns the viewer of ctx; false for an anonymous call.
func ViewerFrom(ctx context.Context) (Viewer, bool) {
	v, ok := ctx.Value(viewerKey{}).(Viewer)
	return v, ok
}

// MustViewer returns the viewer of ctx, or fault.LoginRequired.
func MustViewer(ctx context.Context) (Viewer, error) {
	v, ok := ViewerFrom(ctx)
	if !ok {
		return Viewer{}, fault.LoginRequired()
	}
	return v, nil
}

// WithToken returns a context whose outgoing calls carry the viewer token.
func WithToken(ctx context.Context, token string) context.Context {
	return context.WithValue(ctx, tokenKey{}, token)
}

// TokenFrom returns the viewer token to send on; false when there is none.
func TokenFrom(ctx context.Context) (string, bool) {
	token, ok := ctx.Value(tokenKey{}).(string)
	return token, ok && token != ""
}
