package gateway

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"douyin.dev/services/platform/client"
)

// call is what the gateway knows of a request, carried in its context in one
// piece: the edge notes where it comes from, the dialect what it asks for.
// From then on it is only read.
type call struct {
	origin   origin
	token    string
	face     *face
	endpoint *endpoint
	// params are the parameters in canonical form; nil where the body is raw.
	params url.Values
	// fields are the parameters of the query, where the body is raw.
	fields gathering
	room   [4]pair // for what most requests give
}

type callKey struct{}

// callFrom returns what is known of the request; an empty call when nothing is.
func callFrom(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// TokenFrom returns the client's token, or "" when it sent none. It is as the
// client sent it: nothing has been verified.
func TokenFrom(ctx context.Context) string { return callFrom(ctx).token }

// procedureFrom returns the RPC a REST request calls, the way Connect names it:
// "/douyin.api.v1.FeedService/GetFeed". It is "" outside the REST face.
func procedureFrom(ctx context.Context) string {
	if e := callFrom(ctx).endpoint; e != nil {
		return e.procedure
	}
	return ""
}

// origin is how a client reached the platform.
type origin struct {
	base base
	// addr is the client's address, and client what it is counted by.
	addr   netip.Addr
	client client.Key
}

// base is what links in answers begin with: what operators set, or else the
// scheme and host the client used.
type base struct{ public, scheme, host string }

// url returns the base URL, without a slash at its end.
func (b base) url() string {
	if b.host == "" {
		return b.public
	}
	return b.scheme + "://" + b.host
}

// origins reads the origin of requests. The zero value trusts no proxy.
type origins struct {
	// public is the base URL that operators set, or "".
	public  string
	proxies client.Proxies
}

func (o origins) of(r *http.Request) origin {
	reached := o.proxies.Origin(r)
	from := origin{addr: reached.Addr, client: reached.Key()}
	if o.public != "" {
		from.base = base{public: strings.TrimSuffix(o.public, "/")}
	} else {
		from.base = base{scheme: reached.Scheme, host: reached.Host}
	}
	return from
}

// baseURL returns what links in the call's answer begin with.
func baseURL(ctx context.Context) string { return callFrom(ctx).origin.base.url() }

// withOrigin is the middleware of what has no parameters to look into, Connect,
// gRPC and media: it adds the client and the token in its headers to the context.
func (g *Gateway) withOrigin(next http.Handler) http.Handler {
	from := g.origins()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{origin: from.of(r), token: headerToken(r.Header)}
		next.ServeHTTP(w, r.WithContext(withCall(r.Context(), c)))
	})
}
