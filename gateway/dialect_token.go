package gateway

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

const tokenParam = "token"

// call is what the dialect knows of a request, carried in its context.
type call struct {
	token    string
	endpoint *endpoint
	face     *face
}

type callKey struct{}

// callFrom returns what is known of the request; the zero call when nothing is.
func callFrom(ctx context.Context) call {
	c, _ := ctx.Value(callKey{}).(call)
	return c
}

func withCall(ctx context.Context, c call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// TokenFrom returns the client's token, or "" when it sent none. It is as the
// client sent it: nothing has been verified.
func TokenFrom(ctx context.Context) string { return callFrom(ctx).token }

// withToken returns a context in which TokenFrom answers token.
func withToken(ctx context.Context, token string) context.Context {
	c := callFrom(ctx)
	c.token = token
	return withCall(ctx, c)
}

// procedureFrom returns the RPC a REST request calls, the way Connect names it:
// "/douyin.api.v1.FeedService/GetFeed". It is "" outside the REST face.
func procedureFrom(ctx context.Context) string {
	if e := callFrom(ctx).endpoint; e != nil {
		return e.procedure
	}
	return ""
}

// HeaderToken finds the token in headers, for calls that have no parameters:
// Connect, gRPC and gRPC-Web.
func HeaderToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := headerToken(r.Header); token != "" {
			r = r.WithContext(withToken(r.Context(), token))
		}
		next.ServeHTTP(w, r)
	})
}

// headerToken reads Authorization: Bearer, Access-Token and token, in this
// order. The scheme's name has no case (RFC 9110, section 11.1).
func headerToken(h http.Header) string {
	const scheme = "Bearer "
	if v := h.Get("Authorization"); len(v) > len(scheme) && strings.EqualFold(v[:len(scheme)], scheme) {
		if token := strings.TrimSpace(v[len(scheme):]); token != "" {
			return token
		}
	}
	if token := h.Get("Access-Token"); token != "" {
		return token
	}
	return h.Get("Token")
}

// withoutToken takes the token out of a query, so that what sees the URL
// after the dialect cannot log it.
func withoutToken(rawQuery string) string {
	if !strings.Contains(rawQuery, "=") {
		return rawQuery
	}
	var kept []string
	for pair := range strings.SplitSeq(rawQuery, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(key); err == nil && name == tokenParam {
			continue
		}
		kept = append(kept, pair)
	}
	return strings.Join(kept, "&")
}
