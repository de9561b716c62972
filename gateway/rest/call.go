package rest

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"douyin.dev/services/platform/client"
)

// Call is what the gateway knows of a request, carried in its context in one
// piece: where it comes from, and on the REST face what the dialect read. From
// then on it is only read.
type Call struct {
	Origin Origin
	// Token is the client's token as it was sent, or "": nothing has been verified.
	Token string
	// Procedure is the RPC a REST request calls, the way Connect names it:
	// "/douyin.api.v1.FeedService/GetFeed". It is "" on the other face.
	Procedure string

	face     *face
	endpoint *endpoint
	// shared is the answer that the call is made for; nil when it is its client's alone.
	shared *sharedAnswer
	// params are the parameters in canonical form; nil where the body is raw.
	params url.Values
	// fields are the parameters of the query, where the body is raw.
	fields gathering
	room   [4]pair // for what most requests give
}

type callKey struct{}

// CallFrom returns what is known of the request; an empty Call when nothing is.
func CallFrom(ctx context.Context) *Call {
	if c, ok := ctx.Value(callKey{}).(*Call); ok {
		return c
	}
	return &Call{}
}

// WithCall returns a context that carries c.
func WithCall(ctx context.Context, c *Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// callTo notes the endpoint that a call goes to.
func (c *Call) callTo(e *endpoint) { c.endpoint, c.Procedure = e, e.procedure }

// TokenFrom returns the client's token, or "" when it sent none. It is as the
// client sent it: nothing has been verified.
func TokenFrom(ctx context.Context) string { return CallFrom(ctx).Token }

// BaseURL returns what links in the call's answer begin with.
func BaseURL(ctx context.Context) string { return CallFrom(ctx).Origin.Base.URL() }

// Origin is how a client reached the platform.
type Origin struct {
	Base Base
	// Addr is the client's address, and Client what it is counted by.
	Addr   netip.Addr
	Client client.Key
}

// Base is what links in answers begin with: what operators set, or else the
// scheme and host the client used.
type Base struct{ public, scheme, host string }

// URL returns the base URL, without a slash at its end.
func (b Base) URL() string {
	if b.host == "" {
		return b.public
	}
	return b.scheme + "://" + b.host
}

// Origins reads the origin of requests. The zero value trusts no proxy.
type Origins struct {
	// PublicURL is the base URL that operators set, or "".
	PublicURL string
	// Proxies are those whose word about a client counts.
	Proxies client.Proxies
}

// Of returns where a request comes from.
func (o Origins) Of(r *http.Request) Origin {
	reached := o.Proxies.Origin(r)
	from := Origin{Addr: reached.Addr, Client: reached.Key()}
	if o.PublicURL != "" {
		from.Base = Base{public: strings.TrimSuffix(o.PublicURL, "/")}
	} else {
		from.Base = Base{scheme: reached.Scheme, host: reached.Host}
	}
	return from
}

// WithHeaders is the middleware of what has no parameters to look into, Connect,
// gRPC and media: it adds the client and the token in its headers to the context.
func (o Origins) WithHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &Call{Origin: o.Of(r), Token: HeaderToken(r.Header)}
		next.ServeHTTP(w, r.WithContext(WithCall(r.Context(), c)))
	})
}
