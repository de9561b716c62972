// Package sessioncookie keeps the token of the web client in a cookie.
//
// Apps keep their token themselves. The web client must not: a script that got
// into the page could read it there. It sends the header Session-Cookie instead,
// and the gateway keeps the token in an HttpOnly cookie and takes it from there.
//
// The header is also the protection against cross-site request forgery: the
// cookie counts only beside it, another site can send it only after a preflight,
// and CORS does not allow it. SameSite=Strict says the same to the browser.
package sessioncookie

import (
	"context"
	"net/http"
	"time"

	"connectrpc.com/connect"

	apiv1 "douyin.dev/gen/douyin/api/v1"
)

const (
	header = "Session-Cookie"
	name   = "session"
	// maxAge is how long a browser keeps the cookie. The session in it ends when the
	// user service says so.
	maxAge = 400 * 24 * time.Hour
)

// Wanted reports whether a client wants its token kept in a cookie.
func Wanted(h http.Header) bool {
	v := h[header] // h.Get for a canonical name, which every call would pay for
	return len(v) > 0 && v[0] == "1"
}

// Token returns the token of the session cookie, or "".
func Token(h http.Header) string {
	if !Wanted(h) {
		return ""
	}
	for _, line := range h["Cookie"] {
		cookies, err := http.ParseCookie(line)
		if err != nil {
			continue
		}
		for _, c := range cookies {
			if c.Name == name && c.Value != "" {
				return c.Value
			}
		}
	}
	return ""
}

// Interceptor moves the token of an answer into the cookie, for clients that
// keep theirs there, and takes the cookie away when the session ends. secure
// reports whether a call's client came over HTTPS.
func Interceptor(secure func(context.Context) bool) connect.Interceptor {
	return connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			res, err := next(ctx, req)
			if err != nil || !Wanted(req.Header()) {
				return res, err
			}
			switch m := res.Any().(type) {
			case *apiv1.LoginResponse:
				set(res.Header(), m.GetToken(), secure(ctx))
				m.Token = ""
			case *apiv1.RegisterResponse:
				set(res.Header(), m.GetToken(), secure(ctx))
				m.Token = ""
			case *apiv1.ChangePasswordResponse:
				set(res.Header(), m.GetToken(), secure(ctx))
				m.Token = ""
			case *apiv1.LogoutResponse, *apiv1.LogoutEverywhereResponse:
				set(res.Header(), "", secure(ctx))
			}
			return res, nil
		}
	})
}

// set sets the cookie; an empty token takes it away.
func set(h http.Header, token string, secure bool) {
	cookie := &http.Cookie{
		Name: name, Value: token, Path: "/", MaxAge: int(maxAge.Seconds()),
		Secure: secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
	if token == "" {
		cookie.MaxAge = -1
	}
	h.Add("Set-Cookie", cookie.String())
}
