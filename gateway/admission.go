package gateway

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"connectrpc.com/connect"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"douyin.dev/gateway/policy"
	"douyin.dev/gateway/rest"
	optionsv1 "douyin.dev/gen/douyin/options/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/client"
	"douyin.dev/services/platform/fault"
)

// Admission bounds what is under way at once, twice. Each client has budgets of
// its own, from the first byte of a request to the last of its answer: whatever
// a client holds, it holds of its own budget. And all clients share the slots
// for work, which a call has from when its message was read to when its answer
// begins: beyond the knee more calls at once make each of them slower and none of
// them sooner, so what comes on top is refused before anything was done for it.
// A refusal costs microseconds and has no effect. Nothing is queued and nothing
// is remembered, so the moment calls end, others are admitted again.
//
// Uploads, and streams with downloads, last as long as their clients want and
// are counted apart. Health, reflection and documentation take no slot.

// shares are the parts of the limit, in tenths, that calls of each importance may
// fill: what is more important is the last to be refused.
var shares = map[optionsv1.Importance]int64{
	optionsv1.Importance_IMPORTANCE_ESSENTIAL: 10, optionsv1.Importance_IMPORTANCE_PRIMARY: 9,
	optionsv1.Importance_IMPORTANCE_SECONDARY: 8, optionsv1.Importance_IMPORTANCE_LOW: 7,
}

// admission is safe for concurrent use.
type admission struct {
	policies policy.Policies
	// The slots of all clients.
	calls, uploads, anonymousUploads, streams gate
	// leaveCall is calls.leave, made once.
	leaveCall func()
	// The budgets of each client or user.
	clientCalls, clientPasswords, clientStreams, clientDownloads, userStreams, userUploads budget
	// hashing is how many passwords of a client are with the user service at a time.
	hashing *client.Turns
}

// gate counts what is under way of one kind; a limit of 0 is none.
type gate struct {
	shed
	limit int64
	busy  atomic.Int64
}

// budget counts what each client or user has under way of one kind.
type budget struct {
	shed
	*client.Budget
}

// shed counts refusals of one kind.
type shed struct {
	counter metric.Int64Counter
	kind    metric.AddOption
}

func (s shed) refuse(ctx context.Context) { s.counter.Add(ctx, 1, s.kind) }

var (
	errTooManyPasswords = fault.TooMany(1).Because(errors.New("too many passwords of a client under way"))
	errTooManyStreams   = fault.TooMany(5).Because(errors.New("too many streams of a client under way"))
	errTooManyUploads   = fault.TooMany(5).Because(errors.New("too many uploads of a user under way"))
)

// newAdmission returns an admission with nothing under way; without meters it
// reports nothing.
func newAdmission(s Settings, policies policy.Policies, meters metric.MeterProvider) *admission {
	if meters == nil {
		meters = noop.NewMeterProvider()
	}
	counter, err := meters.Meter("douyin.dev/gateway").Int64Counter("douyin_gateway_shed",
		metric.WithDescription("Requests refused because too many were under way, by kind: those of all, or of one client or user."))
	if err != nil {
		otel.Handle(err) // the counter counts nothing then
	}
	refusals := func(kind string) shed {
		return shed{counter, metric.WithAttributeSet(attribute.NewSet(attribute.String("kind", kind)))}
	}
	a := &admission{
		policies:        policies,
		clientCalls:     budget{refusals("client calls"), client.NewBudget(s.ClientCalls)},
		clientPasswords: budget{refusals("client passwords"), client.NewBudget(s.ClientPasswords)},
		clientStreams:   budget{refusals("client streams"), client.NewBudget(s.ClientStreams)},
		clientDownloads: budget{refusals("client downloads"), client.NewBudget(s.ClientDownloads)},
		userStreams:     budget{refusals("user streams"), client.NewBudget(s.UserStreams)},
		userUploads:     budget{refusals("user uploads"), client.NewBudget(s.UserUploads)},
		hashing:         client.NewTurns(clientHashes),
	}
	a.calls.shed, a.calls.limit = refusals("calls"), int64(s.MaxCalls)
	a.leaveCall = a.calls.leave
	a.uploads.shed, a.uploads.limit = refusals("uploads"), int64(s.MaxUploads)
	a.anonymousUploads.shed, a.anonymousUploads.limit = refusals("anonymous uploads"), int64(s.MaxAnonymousUploads)
	a.streams.shed, a.streams.limit = refusals("streams"), int64(s.MaxStreams)
	return a
}

// enter takes a slot of the first tenths of the limit; leave gives it back.
func (g *gate) enter(ctx context.Context, tenths int64) bool {
	if busy := g.busy.Add(1); g.limit > 0 && busy > max(g.limit*tenths/10, 1) {
		g.busy.Add(-1)
		g.refuse(ctx)
		return false
	}
	return true
}

func (g *gate) leave() { g.busy.Add(-1) }

// Enter implements rest.ClientBudget; a nil budget is no limit.
func (b *budget) Enter(ctx context.Context, k client.Key) bool {
	if b == nil || b.Budget.Enter(k) {
		return true
	}
	b.refuse(ctx)
	return false
}

func (b *budget) Leave(k client.Key) {
	if b != nil {
		b.Budget.Leave(k)
	}
}

// enterCall takes a slot for work on a procedure.
func (a *admission) enterCall(ctx context.Context, procedure string) bool {
	return a.calls.enter(ctx, shares[a.policies.Of(procedure).Importance])
}

// enterPage is enterCall for a page that asks a procedure.
func (a *admission) enterPage(ctx context.Context, procedure string) (leave func(), err error) {
	if !a.enterCall(ctx, procedure) {
		return nil, rest.ErrOverloaded
	}
	return a.leaveCall, nil
}

// clientHashes is how many passwords of one client are hashed, or wait for it in
// the queue of all clients, at a time: so few go before another client's login.
const clientHashes = 2

// enterPassword counts a call that hashes a password, and returns when few other
// calls of its client are being hashed.
func (a *admission) enterPassword(ctx context.Context) (leave func(), err error) {
	uncount, err := a.countPassword(ctx)
	if err != nil {
		return nil, err
	}
	hashed, err := a.hashing.Wait(ctx, rest.CallFrom(ctx).Origin.Client)
	if err != nil {
		uncount()
		return nil, err
	}
	return func() {
		hashed()
		uncount()
	}, nil
}

// countPassword counts a call against its client's budget: hashing takes a core's
// time, and what waits for it is bounded for all.
func (a *admission) countPassword(ctx context.Context) (leave func(), err error) {
	from := rest.CallFrom(ctx).Origin.Client
	if !a.clientPasswords.Enter(ctx, from) {
		return nil, errTooManyPasswords
	}
	return func() { a.clientPasswords.Leave(from) }, nil
}

// enterStream counts a push stream against its user's budget and its client's.
func (a *admission) enterStream(ctx context.Context) (leave func(), err error) {
	from, viewer := rest.CallFrom(ctx).Origin.Client, viewerKey(ctx)
	switch {
	case !a.userStreams.Enter(ctx, viewer):
		return nil, errTooManyStreams
	case !a.clientStreams.Enter(ctx, from):
		a.userStreams.Leave(viewer)
		return nil, errTooManyStreams
	case !a.streams.enter(ctx, 10):
		a.clientStreams.Leave(from)
		a.userStreams.Leave(viewer)
		return nil, rest.ErrOverloaded
	}
	return func() {
		a.streams.leave()
		a.clientStreams.Leave(from)
		a.userStreams.Leave(viewer)
	}, nil
}

// enterUpload counts an upload against its user's budget. One whose user is not
// known yet counts against the client's, and there are few slots for these.
func (a *admission) enterUpload(ctx context.Context) (leave func(), err error) {
	k, slots := viewerKey(ctx), &a.uploads
	if _, known := auth.ViewerFrom(ctx); !known {
		k, slots = rest.CallFrom(ctx).Origin.Client, &a.anonymousUploads
	}
	if !a.userUploads.Enter(ctx, k) {
		return nil, errTooManyUploads
	}
	if !slots.enter(ctx, 10) {
		a.userUploads.Leave(k)
		return nil, rest.ErrOverloaded
	}
	return func() {
		slots.leave()
		a.userUploads.Leave(k)
	}, nil
}

// viewerKey is what the viewer of a call is counted by.
func viewerKey(ctx context.Context) client.Key {
	return client.KeyOfUser(viewerOf(ctx))
}

// admitREST is the middleware of the REST face, once the parameters are known:
// the slot is given back when the answer begins. An upload takes its slot when
// its file begins, and a stream when its user is known.
func (a *admission) admitREST(next rest.Handler) rest.Handler {
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request) {
		procedure := rest.CallFrom(ctx).Procedure
		if procedure == publishProcedure {
			next(ctx, w, r)
			return
		}
		if !a.enterCall(ctx, procedure) {
			rest.AnswerOverload(ctx, w)
			return
		}
		if !rest.HoldUntilAnswer(w, a.leaveCall) {
			defer a.leaveCall()
		}
		next(ctx, w, r)
	}
}

// admitClient is the middleware of everything but REST, before anything was
// read: it counts the calls a client has under way.
func (a *admission) admitClient(next http.Handler) http.Handler {
	answer := connect.NewErrorWriter()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k := rest.CallFrom(r.Context()).Origin.Client
		if !a.clientCalls.Enter(r.Context(), k) {
			w.Header().Set("Retry-After", "1")
			_ = answer.Write(w, r, fault.ToWire(rest.ErrTooManyCalls)) // a client that left needs no answer
			return
		}
		defer a.clientCalls.Leave(k)
		next.ServeHTTP(w, r)
	})
}

// admitDownload is the middleware of media: it counts playback among the streams.
func (a *admission) admitDownload(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, k := r.Context(), rest.CallFrom(r.Context()).Origin.Client
		if !a.clientDownloads.Enter(ctx, k) {
			rest.AnswerOverload(ctx, w)
			return
		}
		defer a.clientDownloads.Leave(k)
		if !a.streams.enter(ctx, 10) {
			rest.AnswerOverload(ctx, w)
			return
		}
		defer a.streams.leave()
		next.ServeHTTP(w, r)
	})
}

// admitUnary is the middleware of unary calls of Connect and gRPC: they have a
// slot from when the message was read to when the answer was made.
func (a *admission) admitUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if !a.enterCall(ctx, req.Spec().Procedure) {
			return nil, rest.ErrOverloaded
		}
		defer a.calls.leave()
		return next(ctx, req)
	}
}

// admitStream is the middleware of streams and uploads of Connect and gRPC, once
// their user is known: they have a slot from their first message on.
func (a *admission) admitStream(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		enter := a.enterStream
		if conn.Spec().Procedure == publishProcedure {
			enter = a.enterUpload
		}
		admitted := &admittedConn{StreamingHandlerConn: conn, enter: func() (func(), error) { return enter(ctx) }}
		defer admitted.release()
		return next(ctx, admitted)
	}
}

// admittedConn takes a slot when the first message was received.
type admittedConn struct {
	connect.StreamingHandlerConn
	enter func() (leave func(), err error) // nil once there is a slot
	leave func()
}

// Receive implements connect.StreamingHandlerConn.
func (c *admittedConn) Receive(m any) error {
	if err := c.StreamingHandlerConn.Receive(m); err != nil || c.enter == nil {
		return err
	}
	leave, err := c.enter()
	if err != nil {
		return err
	}
	c.enter, c.leave = nil, leave
	return nil
}

func (c *admittedConn) release() {
	if c.leave != nil {
		c.leave()
	}
}
