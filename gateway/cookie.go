package gateway

import (
	"context"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"

	apiv1 "douyin.dev/gen/douyin/api/v1"
)

// Apps keep their token themselves. The web client must not: whatever script got
// into the page could read it there. It sends the header Session-Cookie instead,
// and the gateway keeps the token in an HttpOnly cookie and takes it from there.
//
// The header is also the protection against cross-site request forgery: the
// cookie counts only beside it, another site can send it only after a preflight,
// and CORS does not allow it. SameSite=Strict says the same to the browser.

const (
	sessionCookieHeader = "Session-Cookie"
	sessionCookieName   = "session"
	// sessionCookieAge is how long a browser keeps the cookie. The session in it
	// ends when the user service says so.
	sessionCookieAge = 400 * 24 * time.Hour
)

// keepsCookie reports whether a client wants its token kept in a cookie.
func keepsCookie(h http.Header) bool { return first(h, sessionCookieHeader) == "1" }

// cookieToken returns the token of the session cookie, or "".
func cookieToken(h http.Header) string {
	if !keepsCookie(h) {
		return ""
	}
	for _, line := range h["Cookie"] {
		cookies, err := http.ParseCookie(line)
		if err != nil {
			continue
		}
		for _, c := range cookies {
			if c.Name == sessionCookieName && c.Value != "" {
				return c.Value
			}
		}
	}
	return ""
}

// cookieSession moves the token of an answer into the cookie, for clients that
// keep theirs there, and takes the cookie away when the session ends.
type cookieSession struct{}

func (cookieSession) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		res, err := next(ctx, req)
		if err != nil || !keepsCookie(req.Header()) {
			return res, err
		}
		secure := strings.HasPrefix(baseURL(ctx), "https://")
		switch m := res.Any().(type) {
		case *apiv1.LoginResponse:
			setSessionCookie(res.Header(), m.GetToken(), secure)
			m.Token = ""
		case *apiv1.RegisterResponse:
			setSessionCookie(res.Header(), m.GetToken(), secure)
			m.Token = ""
		case *apiv1.ChangePasswordResponse:
			setSessionCookie(res.Header(), m.GetToken(), secure)
			m.Token = ""
		case *apiv1.LogoutResponse, *apiv1.LogoutEverywhereResponse:
			setSessionCookie(res.Header(), "", secure)
		}
		return res, nil
	}
}

func (cookieSession) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (cookieSession) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

// setSessionCookie sets the cookie; an empty token takes it away.
func setSessionCookie(h http.Header, token string, secure bool) {
	cookie := &http.Cookie{
		Name: sessionCookieName, Value: token, Path: "/", MaxAge: int(sessionCookieAge.Seconds()),
		Secure: secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
	if token == "" {
		cookie.MaxAge = -1
	}
	h.Add("Set-Cookie", cookie.String())
}
