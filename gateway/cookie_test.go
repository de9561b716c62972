package gateway

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"douyin.dev/gateway/rest"
	"douyin.dev/gateway/sessioncookie"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/gen/douyin/api/v1/apiv1connect"
)

// cookieAccounts opens sessions with fixed tokens.
type cookieAccounts struct {
	apiv1connect.UnimplementedUserServiceHandler
}

func (cookieAccounts) Register(context.Context, *apiv1.RegisterRequest) (*apiv1.RegisterResponse, error) {
	return &apiv1.RegisterResponse{UserId: 7, Token: "first"}, nil
}

func (cookieAccounts) Login(context.Context, *apiv1.LoginRequest) (*apiv1.LoginResponse, error) {
	return &apiv1.LoginResponse{UserId: 7, Token: "second"}, nil
}

func (cookieAccounts) ChangePassword(context.Context, *apiv1.ChangePasswordRequest) (*apiv1.ChangePasswordResponse, error) {
	return &apiv1.ChangePasswordResponse{Token: "third"}, nil
}

func (cookieAccounts) Logout(context.Context, *apiv1.LogoutRequest) (*apiv1.LogoutResponse, error) {
	return &apiv1.LogoutResponse{}, nil
}

// callAccounts calls a service behind the interceptor and returns the answered
// token and the cookie that was set, nil for none.
func callAccounts(t *testing.T, header string, call func(apiv1connect.UserServiceClient, context.Context) string) (string, *http.Cookie) {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(apiv1connect.NewUserServiceHandler(cookieAccounts{}, connect.WithInterceptors(sessioncookie.Interceptor(func(context.Context) bool { return false }))))
	server := httptest.NewServer(mux)
	defer server.Close()
	var cookie *http.Cookie
	send := connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			if header != "" {
				req.Header().Set("Session-Cookie", header)
			}
			res, err := next(ctx, req)
			if err == nil {
				if line := res.Header().Get("Set-Cookie"); line != "" {
					if cookie, err = http.ParseSetCookie(line); err != nil {
						return nil, err
					}
				}
			}
			return res, err
		}
	})
	token := call(apiv1connect.NewUserServiceClient(server.Client(), server.URL, connect.WithInterceptors(send)), t.Context())
	return token, cookie
}

func TestATokenIsInTheCookieOrInTheAnswerNeverInBoth(t *testing.T) {
	t.Parallel()
	calls := map[string]func(apiv1connect.UserServiceClient, context.Context) string{
		"first": func(c apiv1connect.UserServiceClient, ctx context.Context) string {
			res, err := c.Register(ctx, &apiv1.RegisterRequest{})
			return tokenOrError(res.GetToken(), err)
		},
		"second": func(c apiv1connect.UserServiceClient, ctx context.Context) string {
			res, err := c.Login(ctx, &apiv1.LoginRequest{})
			return tokenOrError(res.GetToken(), err)
		},
		"third": func(c apiv1connect.UserServiceClient, ctx context.Context) string {
			res, err := c.ChangePassword(ctx, &apiv1.ChangePasswordRequest{})
			return tokenOrError(res.GetToken(), err)
		},
	}
	for want, call := range calls {
		for _, header := range []string{"", "0", "yes"} {
			if token, cookie := callAccounts(t, header, call); token != want || cookie != nil {
				t.Errorf("header %q: token %q, cookie %v; want %q and none", header, token, cookie, want)
			}
		}
		token, cookie := callAccounts(t, "1", call)
		if token != "" || cookie == nil || cookie.Value != want || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" {
			t.Errorf("with a cookie: token %q, cookie %v; want %q in the cookie alone", token, cookie, want)
		}
	}
}

func tokenOrError(token string, err error) string {
	if err != nil {
		return err.Error()
	}
	return token
}

func TestLoggingOutTakesTheCookieAway(t *testing.T) {
	t.Parallel()
	_, cookie := callAccounts(t, "1", func(c apiv1connect.UserServiceClient, ctx context.Context) string {
		_, err := c.Logout(ctx, &apiv1.LogoutRequest{})
		return tokenOrError("", err)
	})
	if cookie == nil || cookie.MaxAge >= 0 || cookie.Value != "" {
		t.Errorf("cookie %v", cookie)
	}
}

// A cookie alone is no session: a page of another site can make a browser send
// it, but not the header.
func TestACookieCountsOnlyBesideItsHeader(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		header http.Header
		want   string
	}{
		{"both", http.Header{"Cookie": {"a=b; session=tok"}, "Session-Cookie": {"1"}}, "tok"},
		{"several lines", http.Header{"Cookie": {"a=b", "session=tok"}, "Session-Cookie": {"1"}}, "tok"},
		{"no header", http.Header{"Cookie": {"session=tok"}}, ""},
		{"another value", http.Header{"Cookie": {"session=tok"}, "Session-Cookie": {"true"}}, ""},
		{"malformed", http.Header{"Cookie": {"\x00"}, "Session-Cookie": {"1"}}, ""},
		{"a token in its header comes first", http.Header{"Cookie": {"session=tok"}, "Session-Cookie": {"1"}, "Authorization": {"Bearer other"}}, "other"},
	} {
		if got := rest.HeaderToken(c.header); got != c.want {
			t.Errorf("%s: token %q, want %q", c.name, got, c.want)
		}
	}
}

// No origin may send the header: it is not among those CORS allows.
func TestNoOtherOriginMaySendTheCookiesHeader(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodOptions, "/", nil)
	r.Header.Set("Origin", "https://elsewhere.example")
	r.Header.Set("Access-Control-Request-Method", "POST")
	w := httptest.NewRecorder()
	rest.CORS([]string{"*"})(http.NotFoundHandler()).ServeHTTP(w, r)
	allowed := w.Header().Values("Access-Control-Allow-Headers")
	if len(allowed) == 0 {
		t.Fatal("no headers allowed at all")
	}
	for _, list := range allowed {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); strings.EqualFold(name, "Session-Cookie") || name == "*" {
				t.Errorf("allowed: %s", list)
			}
		}
	}
	if got := w.Header().Get("Access-Control-Allow-Credentials"); got != "" {
		t.Errorf("Access-Control-Allow-Credentials %q", got)
	}
}
