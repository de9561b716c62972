package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"connectrpc.com/connect"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"douyin.dev/services/platform/fault"
)

// Admission bounds what is under way at once. Beyond the knee more calls at
// once make each of them slower and none of them sooner, so what comes on top
// is refused before anything was done for it: a refusal costs microseconds and
// has no effect. Nothing is queued and nothing is remembered, so the moment
// calls end, others are admitted again.
//
// Uploads, and streams with downloads, last as long as their clients want and
// are counted apart. Health, reflection and documentation are not counted.

// importance orders calls for shedding: what is more important may use a
// larger share of the limit, so that it is the last to be refused.
type importance int

const (
	essential importance = iota // sessions, messages, publishing
	primary                     // the feed, and what one does in it
	secondary                   // lists
	other
)

// shares are the parts of the limit, in tenths, that each may fill.
var shares = [...]int64{essential: 10, primary: 9, secondary: 8, other: 7}

var importances = map[string]importance{
	"/douyin.api.v1.UserService/Login": essential, "/douyin.api.v1.UserService/Logout": essential,
	"/douyin.api.v1.UserService/LogoutEverywhere": essential, "/douyin.api.v1.UserService/ChangePassword": essential,
	"/douyin.api.v1.MessageService/SendMessage": essential,

	"/douyin.api.v1.FeedService/GetFeed": primary, "/douyin.api.v1.FeedService/ListFollowingFeed": primary,
	"/douyin.api.v1.InteractionService/LikeVideo": primary, "/douyin.api.v1.InteractionService/UnlikeVideo": primary,
	"/douyin.api.v1.InteractionService/CreateComment": primary,
	"/douyin.api.v1.RelationService/Follow":           primary, "/douyin.api.v1.RelationService/Unfollow": primary,
	"/douyin.api.v1.UserService/GetUser": primary,

	"/douyin.api.v1.VideoService/ListPublishedVideos": secondary, "/douyin.api.v1.InteractionService/ListLikedVideos": secondary,
	"/douyin.api.v1.InteractionService/ListComments": secondary, "/douyin.api.v1.RelationService/ListFollowing": secondary,
	"/douyin.api.v1.RelationService/ListFollowers": secondary, "/douyin.api.v1.RelationService/ListFriends": secondary,
	"/douyin.api.v1.MessageService/ListMessages": secondary,
}

func importanceOf(procedure string) importance {
	if i, ok := importances[procedure]; ok {
		return i
	}
	return other
}

const subscribeProcedure = "/douyin.api.v1.MessageStreamService/Subscribe"

// admission is safe for concurrent use.
type admission struct {
	calls, uploads, streams gate
	shed                    metric.Int64Counter
}

// gate counts what is under way of one kind; a limit of 0 is none.
type gate struct {
	name  attribute.Set
	limit int64
	busy  atomic.Int64
}

func newAdmission(s Settings, meters metric.MeterProvider) (*admission, error) {
	shed, err := meters.Meter("douyin.dev/gateway").Int64Counter("douyin_gateway_shed",
		metric.WithDescription("Requests refused because too many were under way, by kind."))
	if err != nil {
		return nil, fmt.Errorf("admission metrics: %w", err)
	}
	a := &admission{shed: shed}
	a.calls.set("calls", s.MaxCalls)
	a.uploads.set("uploads", s.MaxUploads)
	a.streams.set("streams", s.MaxStreams)
	return a, nil
}

func (g *gate) set(name string, limit int) {
	g.name, g.limit = attribute.NewSet(attribute.String("kind", name)), int64(limit)
}

// enter takes a place; leave gives it back.
func (g *gate) enter(tenths int64) bool {
	if busy := g.busy.Add(1); g.limit > 0 && busy > max(g.limit*tenths/10, 1) {
		g.busy.Add(-1)
		return false
	}
	return true
}

func (g *gate) leave() { g.busy.Add(-1) }

// admit takes a place for a procedure and returns the gate to leave by; nil
// when there is none.
func (a *admission) admit(ctx context.Context, procedure string) *gate {
	g, tenths := &a.calls, shares[importanceOf(procedure)]
	switch procedure {
	case publishProcedure:
		g, tenths = &a.uploads, 10
	case subscribeProcedure:
		g, tenths = &a.streams, 10
	}
	return a.through(ctx, g, tenths)
}

func (a *admission) through(ctx context.Context, g *gate, tenths int64) *gate {
	if !g.enter(tenths) {
		a.shed.Add(ctx, 1, metric.WithAttributeSet(g.name))
		return nil
	}
	return g
}

// admitREST is the middleware of the REST face, once the path is known.
func (a *admission) admitREST(next Handler) Handler {
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request) {
		g := a.admit(ctx, procedureFrom(ctx))
		if g == nil {
			answerOverload(w, callFrom(ctx).endpoint)
			return
		}
		defer g.leave()
		next(ctx, w, r)
	}
}

// admitRPC is the middleware of the Connect and gRPC face, before a message is
// read.
func (a *admission) admitRPC(next http.Handler) http.Handler {
	overloaded := fault.Unavailable(errors.New("too many calls under way"))
	answer := connect.NewErrorWriter()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := a.admit(r.Context(), r.URL.Path)
		if g == nil {
			w.Header().Set("Retry-After", "1")
			_ = answer.Write(w, r, fault.ToWire(overloaded)) // a client that left needs no answer
			return
		}
		defer g.leave()
		next.ServeHTTP(w, r)
	})
}

// admitDownload counts playback among the streams.
func (a *admission) admitDownload(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := a.through(r.Context(), &a.streams, 10)
		if g == nil {
			answerOverload(w, nil)
			return
		}
		defer g.leave()
		next.ServeHTTP(w, r)
	})
}
