package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"connectrpc.com/connect"

	"douyin.dev/gateway/rest"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/gen/douyin/api/v1/apiv1connect"
	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/gen/douyin/interaction/v1/interactionv1connect"
	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/client"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/limit"
	"douyin.dev/services/platform/rpc"
)

// openDoor is a user service that lets everybody in.
type openDoor struct {
	userv1connect.UserServiceClient
}

func (openDoor) Login(context.Context, *userv1.LoginRequest) (*userv1.LoginResponse, error) {
	return &userv1.LoginResponse{UserId: 1, Token: "t"}, nil
}

func (openDoor) Register(context.Context, *userv1.RegisterRequest) (*userv1.RegisterResponse, error) {
	return &userv1.RegisterResponse{UserId: 1, Token: "t"}, nil
}

// viewCounter is an interaction service that takes every report of views.
type viewCounter struct {
	interactionv1connect.InteractionServiceClient
}

func (viewCounter) ReportViews(context.Context, *interactionv1.ReportViewsRequest) (*interactionv1.ReportViewsResponse, error) {
	return &interactionv1.ReportViewsResponse{}, nil
}

// behindProxy serves a gateway on both of its handlers to a proxy that is
// trusted, and returns its URL.
func behindProxy(t *testing.T, s Settings) string {
	t.Helper()
	limiter, err := limit.New(nil, limit.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s.TrustedProxies = client.Proxies{netip.MustParsePrefix("127.0.0.0/8")}
	g := New(Deps{User: openDoor{}, Limiter: limiter, Log: slog.New(slog.DiscardHandler), Now: time.Now, Zone: time.UTC, Settings: s})
	api, err := g.restHandler(rest.Signals{})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", api)
	options, err := rpc.EdgeOptions(g.Log)
	if err != nil {
		t.Fatal(err)
	}
	path, h := apiv1connect.NewUserServiceHandler(g, options...)
	mux.Handle(path, g.origins().WithHeaders(h))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// forwarded adds the client that a proxy names to every request.
type forwarded struct{ client string }

func (f forwarded) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-For", f.client)
	return http.DefaultTransport.RoundTrip(r)
}

func TestClientsBehindAProxyHaveLoginBudgetsOfTheirOwn(t *testing.T) {
	t.Parallel()
	const burst = 2
	base := behindProxy(t, Settings{LoginBurst: burst, LoginRate: 0.001})
	login := func(from, name string) (allowed [2]bool) {
		t.Helper()
		c := &http.Client{Transport: forwarded{from}}
		_, err := apiv1connect.NewUserServiceClient(c, base).Login(t.Context(), &apiv1.LoginRequest{Username: name, Password: "p"})
		if err != nil && connect.CodeOf(err) != connect.CodeResourceExhausted {
			t.Fatal(err)
		}
		form := url.Values{"username": {name + " on REST"}, "password": {"p"}}
		res, err2 := c.PostForm(base+"/douyin/user/login/", form)
		if err2 != nil {
			t.Fatal(err2)
		}
		defer func() { _ = res.Body.Close() }()
		return [2]bool{err == nil, res.Header.Get("Retry-After") == ""}
	}
	all, none := [2]bool{true, true}, [2]bool{}
	for i := range burst * addressFactor / 2 { // each spends two logins
		if got := login("2001:db8::1", fmt.Sprint("first", i)); got != all {
			t.Fatalf("login %d of the first client: allowed %v", i+1, got)
		}
	}
	if got := login("2001:db8::2", "other"); got != none {
		t.Errorf("an address of the same site has a budget of its own: allowed %v", got)
	}
	if got := login("203.0.113.9", "second"); got != all {
		t.Errorf("the first client spent the second one's budget: allowed %v", got)
	}
}

func TestRegistrationsOfAClientHaveABudget(t *testing.T) {
	t.Parallel()
	const burst = 3
	base := behindProxy(t, Settings{RegisterBurst: burst, RegisterRate: 0.001})
	register := func(from string, i int) bool {
		t.Helper()
		res, err := (&http.Client{Transport: forwarded{from}}).PostForm(base+"/douyin/user/register/",
			url.Values{"username": {fmt.Sprint("user", i)}, "password": {"p"}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		return res.Header.Get("Retry-After") == ""
	}
	for i := range burst {
		if !register("203.0.113.9", i) {
			t.Fatalf("registration %d of %d was refused", i+1, burst)
		}
	}
	if register("203.0.113.9", burst) {
		t.Error("one too many was admitted")
	}
	if !register("203.0.113.10", burst) {
		t.Error("another client's was refused")
	}
}

func TestReportsOfViewsSpendTheBudgetOfTheirUserOrElseTheirClient(t *testing.T) {
	t.Parallel()
	limiter, err := limit.New(nil, limit.Config{})
	if err != nil {
		t.Fatal(err)
	}
	const burst = 2
	g := New(Deps{
		Interaction: viewCounter{}, Limiter: limiter, Log: slog.New(slog.DiscardHandler), Now: time.Now, Zone: time.UTC,
		Settings: Settings{ViewBurst: burst, ViewRate: 0.001},
	})
	report := func(address string, user int64) error {
		key := client.KeyOf(netip.MustParseAddr(address))
		ctx := rest.WithCall(t.Context(), &rest.Call{Origin: rest.Origin{Client: key}})
		if user != 0 {
			ctx = auth.WithViewer(ctx, auth.Viewer{UserID: user})
		}
		_, err := g.ReportViews(ctx, &apiv1.ReportViewsRequest{Views: []*apiv1.View{{VideoId: 1}}})
		return err
	}
	for _, caller := range []struct {
		address string
		user    int64
	}{{"203.0.113.9", 0}, {"203.0.113.10", 0}, {"203.0.113.9", 1}, {"203.0.113.9", 2}} {
		for i := range burst {
			if err := report(caller.address, caller.user); err != nil {
				t.Fatalf("report %d of %v: %v", i+1, caller, err)
			}
		}
		if err := report(caller.address, caller.user); fault.CodeOf(err) != connect.CodeResourceExhausted {
			t.Errorf("one too many of %v: %v", caller, err)
		}
	}
}
