// Package gateway is the edge of the platform: one port on which browsers,
// phones and other servers reach the public API.
//
// It owns the dialect of the /douyin REST API (dialect*.go, rest*.go, and
// douyin.yaml, the whole surface on one page), the composition of the public
// API out of the mesh (api_*.go), sessions, limits and uploads. It keeps no
// state of its own and asks every domain service.
//
// # The REST face
//
// NewREST answers /douyin/…, /ping, /openapi.json and /docs. Composition hands
// it the public services as they are, and two handlers for the paths that are
// not one request and one answer:
//
//	type Servers struct {
//		Feed        apiv1.FeedServiceServer
//		User        apiv1.UserServiceServer
//		Video       apiv1.VideoServiceServer
//		Interaction apiv1.InteractionServiceServer
//		Relation    apiv1.RelationServiceServer
//		Message     apiv1.MessageServiceServer
//		Publish     http.Handler // POST /douyin/publish/action
//		Stream      http.Handler // GET /douyin/message/stream
//	}
//
//	type Handler func(ctx context.Context, w http.ResponseWriter, r *http.Request)
//
//	type RESTOptions struct {
//		Session   func(Handler) Handler // sessions, access and limits; nil for none
//		PublicURL string                // of links in answers; empty follows the request
//		Signals   Signals               // telemetry; what is nil is not told
//		Logger    *slog.Logger          // nil discards
//		Now       func() time.Time      // nil is time.Now
//	}
//
//	func NewREST(s Servers, opts RESTOptions) (http.Handler, error)
//
// The order is fixed: telemetry, panics, security headers, gzip, the dialect,
// Session, then the call. What is known of a call travels in one piece in the
// context, which is passed beside the request: no step copies the request. So
// Session runs once the parameters are read, and finds in the context
//
//	TokenFrom(ctx)     the client's token from wherever it was sent, or ""
//	procedureFrom(ctx) "/douyin.api.v1.FeedService/GetFeed", as Connect names it
//
// and refuses with answerError(ctx, w, err), which knows the shape of the path's
// answer: status_code, status_msg and the zero-valued keys. A Publish handler
// answers with answerMessage(ctx, w, *apiv1.PublishVideoResponse) or
// answerError. Overload is answerOverload.
//
// Publish sees its body unread: the token may still come as a form part, so
// TokenFrom holds only what headers or the query said, and the access of
// PublishVideo must be decided by the handler, not by Session. Stream finds
// its canonical parameters in r.Form. Neither sees the token in the URL.
//
// On the Connect and gRPC face, noteCaller is the middleware that finds the
// token in headers and puts it where TokenFrom reads it. CORS belongs around
// both faces, once: CORS(origins).
//
// # Answers that are made once
//
// The public feed is made once for all who ask for it at the same moment
// (turns.go, share.go), down to its bytes and their gzip; what differs for a
// viewer is put into a copy of the bytes (share_page.go). Nothing is kept
// beyond the moment, so no answer is older than its request.
//
// # What must hold
//
// A path must reach NewREST as the client sent it: mount it at "/douyin/",
// "/ping", "/openapi.json" and "/docs", never behind a redirect. Handlers
// answer faults; any other error is an internal one, logged and not told.
package gateway
