package gateway

import (
	"context"
	"net/http"
	"net/url"
	"strings"
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
	base    base
	address string // of the client, with its port
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

// originOf reads the origin of a request; public is what operators set, or "".
func originOf(r *http.Request, public string) origin {
	if public != "" {
		return origin{base: base{public: strings.TrimSuffix(public, "/")}, address: r.RemoteAddr}
	}
	scheme := "http"
	if r.TLS != nil || first(r.Header, "X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return origin{base: base{scheme: scheme, host: r.Host}, address: r.RemoteAddr}
}

// baseURL returns what links in the call's answer begin with.
func baseURL(ctx context.Context) string { return callFrom(ctx).origin.base.url() }

// noteCaller notes where a call of the Connect and gRPC face comes from, and
// the token in its headers: it has no parameters to look into.
func (g *Gateway) noteCaller(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{origin: originOf(r, g.Settings.PublicURL), token: headerToken(r.Header)}
		next.ServeHTTP(w, r.WithContext(withCall(r.Context(), c)))
	})
}
