package rest

import (
	"net/http"
	"net/url"
	"strings"

	"douyin.dev/gateway/sessioncookie"
)

// TokenParam is the parameter that holds a client's token.
const TokenParam = "token"

// HeaderToken reads Authorization: Bearer, Access-Token, token and the web
// client's cookie, in this order. The scheme's name has no case (RFC 9110, section 11.1).
func HeaderToken(h http.Header) string {
	const scheme = "Bearer "
	if v := first(h, "Authorization"); len(v) > len(scheme) && strings.EqualFold(v[:len(scheme)], scheme) {
		if token := strings.TrimSpace(v[len(scheme):]); token != "" {
			return token
		}
	}
	if token := first(h, "Access-Token"); token != "" {
		return token
	}
	if token := first(h, "Token"); token != "" {
		return token
	}
	return sessioncookie.Token(h)
}

// first is h.Get for a name that is known to be canonical.
func first(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
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
		if name, err := url.QueryUnescape(key); err == nil && name == TokenParam {
			continue
		}
		kept = append(kept, pair)
	}
	return strings.Join(kept, "&")
}
