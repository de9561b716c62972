package gateway

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"
	"google.golang.org/protobuf/proto"

	"douyin.dev/gateway/rest"
	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/rpc"
)

const (
	// rememberedSessions bounds the sessions kept as verified.
	rememberedSessions = 100_000
	// rememberedRefusals bounds the tokens kept as refused, at about 100 bytes each.
	rememberedRefusals = 4096
)

// sessions turns client tokens into viewers. A verified token is believed for
// a moment, so that most calls ask nobody; when the user service cannot answer,
// a token it has vouched for stays good as long as its viewer token lasts.
type sessions struct {
	user    userv1connect.UserServiceClient
	now     func() time.Time
	recheck time.Duration
	// seen holds only tokens that the user service vouched for: they have its
	// signature, and so its length, and no other token pushes them out.
	seen *otter.Cache[string, session]
	// refused holds when a token was refused, by its hash.
	refused *otter.Cache[[sha256.Size]byte, time.Time]
	flight  singleflight.Group
}

type session struct {
	viewer    auth.Viewer
	token     string
	checkedAt time.Time
	expiresAt time.Time
}

func newSessions(user userv1connect.UserServiceClient, now func() time.Time, recheck time.Duration) *sessions {
	return &sessions{
		user: user, now: now, recheck: recheck,
		seen:    otter.Must(&otter.Options[string, session]{MaximumSize: rememberedSessions}),
		refused: otter.Must(&otter.Options[[sha256.Size]byte, time.Time]{MaximumSize: rememberedRefusals}),
	}
}

// admit adds the token's viewer to ctx. Where access needs no viewer, a token
// that is not good makes the call anonymous.
func (s *sessions) admit(ctx context.Context, token string, access rpc.Access) (context.Context, error) {
	if token == "" {
		if access == rpc.AccessViewer {
			return ctx, fault.LoginRequired()
		}
		return ctx, nil
	}
	known, err := s.find(ctx, token)
	switch {
	case err == nil:
		return auth.WithToken(auth.WithViewer(ctx, known.viewer), known.token), nil
	case access != rpc.AccessViewer:
		return ctx, nil
	default:
		return ctx, err
	}
}

// find returns the session of a token. Every way into the gateway comes here, so
// this is where a text that is no token costs nothing more than being read.
func (s *sessions) find(ctx context.Context, token string) (session, error) {
	if !auth.Plausible(token) {
		return session{}, fault.LoginRequired()
	}
	known, ok := s.seen.GetIfPresent(token)
	if ok && s.now().Sub(known.checkedAt) < s.recheck {
		return known, nil
	}
	if !ok && s.wasRefused(token) {
		return session{}, fault.LoginRequired()
	}
	// The check is shared, so it must not end with the first caller.
	got, err, _ := s.flight.Do(token, func() (any, error) {
		return s.check(context.WithoutCancel(ctx), token)
	})
	switch {
	case err == nil:
		return got.(session), nil
	case fault.CodeOf(err) == connect.CodeUnauthenticated:
		return session{}, fault.LoginRequired()
	case ok && s.now().Before(known.expiresAt):
		return known, nil
	default:
		return session{}, err
	}
}

// wasRefused reports whether the user service refused the token a moment ago.
func (s *sessions) wasRefused(token string) bool {
	at, ok := s.refused.GetIfPresent(sha256.Sum256([]byte(token)))
	return ok && s.now().Sub(at) < s.recheck
}

// check asks the user service, and remembers what it says of the token. Other
// errors say that there was no answer.
func (s *sessions) check(ctx context.Context, token string) (session, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	res, err := s.user.VerifySession(ctx, &userv1.VerifySessionRequest{Token: token})
	switch {
	case err == nil:
	case fault.CodeOf(err) == connect.CodeUnauthenticated:
		s.seen.Invalidate(token)
		s.refused.Set(sha256.Sum256([]byte(token)), s.now())
		return session{}, err
	default:
		return session{}, fault.Unavailable(err) // whatever became of the check, nothing came of the call
	}
	known := session{
		viewer:    auth.Viewer{UserID: res.GetUserId(), SessionID: res.GetSessionId()},
		token:     res.GetViewerToken(),
		checkedAt: s.now(),
		expiresAt: time.UnixMilli(res.GetViewerTokenExpiresAtMs()),
	}
	s.seen.Set(strings.Clone(token), known) // it may be a piece of a whole request body
	return known, nil
}

// forget drops what is remembered of a token whose session ended here.
func (s *sessions) forget(token string) { s.seen.Invalidate(token) }

// admit adds the token's viewer to ctx, as the procedure's access needs. The
// token of a call that ends its session may be good no more (options.proto).
func (g *Gateway) admit(ctx context.Context, token, procedure string) (context.Context, error) {
	declared := g.Policies.Of(procedure)
	if declared.Access == rpc.AccessUnspecified {
		return ctx, fault.Forbidden("not for clients")
	}
	admitted, err := g.sessions.admit(ctx, token, declared.Access)
	if auth.Plausible(token) && declared.EndsSession && fault.CodeOf(err) == connect.CodeUnauthenticated {
		return ctx, nil
	}
	return admitted, err
}

// restSession is the middleware of the REST face: viewer, then limits.
func (g *Gateway) restSession(next rest.Handler) rest.Handler {
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request) {
		c := rest.CallFrom(ctx)
		procedure := c.Procedure
		if procedure == publishProcedure {
			next(ctx, w, r) // its token may come inside the body
			return
		}
		ctx, err := g.admit(ctx, c.Token, procedure)
		if err == nil {
			err = g.allow(ctx, procedure)
		}
		if err != nil {
			rest.AnswerError(ctx, w, err)
			return
		}
		next(ctx, w, r)
	}
}

// admitRPC is admit with the limits of a call of Connect or gRPC.
func (g *Gateway) admitRPC(ctx context.Context, procedure string) (context.Context, error) {
	ctx, err := g.admit(ctx, rest.TokenFrom(ctx), procedure)
	if err != nil {
		return ctx, err
	}
	return ctx, g.allow(ctx, procedure)
}

// unarySession is the middleware of unary calls of Connect and gRPC: the same
// viewer and limits.
func (g *Gateway) unarySession(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		ctx, err := g.admitRPC(ctx, req.Spec().Procedure)
		if err != nil {
			return nil, err
		}
		if message, ok := req.Any().(proto.Message); ok {
			if err := rest.SetIdempotencyKey(message, req.Header()); err != nil {
				return nil, err
			}
			if err := g.Policies.Of(req.Spec().Procedure).CheckIDs(message.ProtoReflect()); err != nil {
				return nil, err
			}
		}
		return next(ctx, req)
	}
}

// streamSession is the middleware of their streams.
func (g *Gateway) streamSession(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		ctx, err := g.admitRPC(ctx, conn.Spec().Procedure)
		if err != nil {
			return err
		}
		return next(ctx, conn)
	}
}
