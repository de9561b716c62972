package gateway

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"douyin.dev/gateway/rest"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/gen/douyin/api/v1/apiv1connect"
	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/rpc"
)

// vouching is a user service that knows the tokens that begin with "good", and
// counts how often it is asked.
type vouching struct {
	userv1connect.UserServiceClient
	asked atomic.Int64
	down  atomic.Bool
}

func (v *vouching) VerifySession(_ context.Context, req *userv1.VerifySessionRequest) (*userv1.VerifySessionResponse, error) {
	v.asked.Add(1)
	switch {
	case v.down.Load():
		return nil, fault.Unavailable(errors.New("down"))
	case !strings.HasPrefix(req.GetToken(), "good"):
		return nil, fault.LoginRequired()
	}
	return &userv1.VerifySessionResponse{
		UserId: 7, SessionId: "s", ViewerToken: "v", ViewerTokenExpiresAtMs: time.Now().Add(time.Hour).UnixMilli(),
	}, nil
}

// notTokens are texts that cannot be tokens, however they come.
func notTokens() []string {
	return []string{
		strings.Repeat("a", auth.MaxToken+1), strings.Repeat("a", 1<<20), "good\n", "good\ngood", "\x00", "good\x00", "good é", "字",
		"good good", "good%20", "good=", "good+", "good/", "\xff", "good\u200b",
	}
}

func TestWhatIsNoTokenIsNeitherAskedAboutNorKept(t *testing.T) {
	t.Parallel()
	user := &vouching{}
	s := newSessions(user, time.Now, time.Minute)
	for range 100 {
		for _, token := range notTokens() {
			if _, err := s.find(t.Context(), token); fault.CodeOf(err) != connect.CodeUnauthenticated {
				t.Errorf("%.20q: got %v", token, err)
			}
		}
	}
	if n := user.asked.Load(); n != 0 {
		t.Errorf("the user service was asked %d times", n)
	}
	if n := s.seen.EstimatedSize() + s.refused.EstimatedSize(); n != 0 {
		t.Errorf("%d are kept", n)
	}
	for n, want := range map[int]int64{auth.MaxToken - 1: 1, auth.MaxToken: 1, auth.MaxToken + 1: 0} {
		user.asked.Store(0)
		_, _ = s.find(t.Context(), strings.Repeat("b", n))
		if got := user.asked.Load(); got != want {
			t.Errorf("%d characters: the user service was asked %d times, want %d", n, got, want)
		}
	}
}

func TestManyBadTokensAreKeptBrieflyAndFew(t *testing.T) {
	t.Parallel()
	user := &vouching{}
	var now atomic.Int64
	s := newSessions(user, func() time.Time { return time.Unix(now.Load(), 0) }, 3*time.Second)
	if _, err := s.find(t.Context(), "good"); err != nil {
		t.Fatal(err)
	}
	for i := range 2 * rememberedSessions {
		if _, err := s.find(t.Context(), "bad"+strconv.Itoa(i)); fault.CodeOf(err) != connect.CodeUnauthenticated {
			t.Fatal(err)
		}
	}
	s.seen.CleanUp()
	s.refused.CleanUp()
	if kept := s.refused.EstimatedSize(); kept > rememberedRefusals {
		t.Errorf("%d refusals are kept", kept)
	}
	if kept := s.seen.EstimatedSize(); kept != 1 {
		t.Errorf("%d sessions are kept, want the good one", kept)
	}
	user.asked.Store(0)
	if _, err := s.find(t.Context(), "good"); err != nil || user.asked.Load() != 0 {
		t.Errorf("the good session was pushed out: asked %d times, %v", user.asked.Load(), err)
	}
	for _, step := range []struct{ passed, asked int64 }{{0, 1}, {2, 1}, {1, 2}} { // refused anew, remembered, forgotten
		now.Add(step.passed)
		_, _ = s.find(t.Context(), "another")
		if got := user.asked.Load(); got != step.asked {
			t.Errorf("after %d s more: asked %d times, want %d", step.passed, got, step.asked)
		}
	}
}

func TestRefusedSessionIsForgottenAndOneNobodyAnswersForIsNot(t *testing.T) {
	t.Parallel()
	user := &vouching{}
	now := time.Now()
	s := newSessions(user, func() time.Time { return now }, 3*time.Second)
	if _, err := s.find(t.Context(), "good"); err != nil {
		t.Fatal(err)
	}
	now = now.Add(4 * time.Second)
	user.down.Store(true)
	if _, err := s.find(t.Context(), "good"); err != nil {
		t.Errorf("while nobody answers: %v", err)
	}
	if _, err := s.find(t.Context(), "unknown"); fault.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("a token nobody vouched for: %v", err)
	}
	user.down.Store(false)
	s.user = refusing{}
	if _, err := s.find(t.Context(), "good"); fault.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("after it was ended: %v", err)
	}
	s.user = user
	user.down.Store(true)
	if _, err := s.find(t.Context(), "good"); fault.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("after it was ended, while nobody answers: %v", err)
	}
}

// refusing is a user service that knows no session.
type refusing struct {
	userv1connect.UserServiceClient
}

func (refusing) VerifySession(context.Context, *userv1.VerifySessionRequest) (*userv1.VerifySessionResponse, error) {
	return nil, fault.LoginRequired()
}

// Wherever a token comes from, and by whichever protocol.
func TestNoWayInAsksAboutWhatIsNoToken(t *testing.T) {
	t.Parallel()
	user := &vouching{}
	g := New(Deps{User: user, Log: slog.New(slog.DiscardHandler), Now: time.Now, Zone: time.UTC, Settings: Settings{SessionRecheck: time.Minute}})
	api, err := g.restHandler(rest.Signals{})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", api)
	edge, err := rpc.EdgeOptions(g.Log)
	if err != nil {
		t.Fatal(err)
	}
	options := connect.WithHandlerOptions(append(edge, connect.WithInterceptors(g.interceptors()...))...)
	for path, h := range map[string]http.Handler{
		"/" + apiv1connect.UserServiceName + "/":          second(apiv1connect.NewUserServiceHandler(g, options)),
		"/" + apiv1connect.UploadServiceName + "/":        second(apiv1connect.NewUploadServiceHandler(g, options)),
		"/" + apiv1connect.MessageStreamServiceName + "/": second(apiv1connect.NewMessageStreamServiceHandler(g, options)),
	} {
		mux.Handle(path, g.origins().WithHeaders(h))
	}
	server := httptest.NewUnstartedServer(mux)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Config.MaxHeaderBytes = 32 << 10
	server.Start()
	t.Cleanup(server.Close)

	var all sync.WaitGroup
	for _, token := range []string{strings.Repeat("a", auth.MaxToken+1), "good good", "good=", "good\x00", "good\ngood", "字"} {
		for _, path := range []string{"/douyin/user/", "/douyin/message/stream/", "/douyin/feed/following/", "/douyin/message/chat/"} {
			all.Go(func() { restRefuses(t, server.URL+path, token) })
		}
		if strings.ContainsAny(token, "\x00\n") {
			continue // no header can hold it
		}
		for _, protocol := range []connect.ClientOption{connect.WithClientOptions(), connect.WithGRPC(), connect.WithGRPCWeb()} {
			all.Go(func() { rpcRefuses(t, server.URL, token, protocol) })
		}
	}
	all.Wait()
	if n := user.asked.Load(); n != 0 {
		t.Errorf("the user service was asked %d times", n)
	}
}

func second(_ string, h http.Handler) http.Handler { return h }

func restRefuses(t *testing.T, address, token string) {
	for _, send := range []func() (*http.Response, error){
		func() (*http.Response, error) { return http.Get(address + "?token=" + url.QueryEscape(token)) },
		func() (*http.Response, error) { return http.PostForm(address, url.Values{"token": {token}}) },
	} {
		res, err := send()
		if err != nil {
			t.Error(err)
			return
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusMethodNotAllowed && !strings.Contains(string(body), `"status_code":10004`) {
			t.Errorf("%s with %.20q: HTTP %d %s, %v", address, token, res.StatusCode, body, err)
		}
	}
}

func rpcRefuses(t *testing.T, base, token string, protocol connect.ClientOption) {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	h := &http.Client{Transport: transport}
	refused := func(what string, err error) {
		if connect.CodeOf(err) != connect.CodeUnauthenticated {
			t.Errorf("%s with %.20q: %v", what, token, err)
		}
	}
	req := connect.NewRequest(&apiv1.LogoutRequest{})
	req.Header().Set("Authorization", "Bearer "+token)
	_, err := connect.NewClient[apiv1.LogoutRequest, apiv1.LogoutResponse](h, base+apiv1connect.UserServiceLogoutProcedure, protocol).CallUnary(t.Context(), req)
	refused("unary call", err)

	subscribe := connect.NewRequest(&apiv1.SubscribeRequest{})
	subscribe.Header().Set("Token", token)
	stream, err := connect.NewClient[apiv1.SubscribeRequest, apiv1.SubscribeResponse](h,
		base+apiv1connect.MessageStreamServiceSubscribeProcedure, protocol).CallServerStream(t.Context(), subscribe)
	if err != nil {
		refused("stream", err)
		return
	}
	defer func() { _ = stream.Close() }()
	for stream.Receive() {
		t.Error("the stream answered")
	}
	refused("stream", stream.Err())
}

// FuzzToken: nobody is asked about a text that cannot be a token, nothing is kept
// for it, and one that can be is asked about as it came.
func FuzzToken(f *testing.F) {
	for _, seed := range append(notTokens(), "good", "bad", "a.b.c", "-_.", "") {
		f.Add(seed)
	}
	user := &vouching{}
	s := newSessions(user, time.Now, time.Nanosecond)
	f.Fuzz(func(t *testing.T, token string) {
		before := user.asked.Load()
		got, err := s.find(t.Context(), token)
		good := auth.Plausible(token) && strings.HasPrefix(token, "good")
		if (err == nil) != good || good && got.viewer.UserID != 7 {
			t.Errorf("%q stands for %+v, %v", token, got, err)
		}
		if err != nil && fault.CodeOf(err) != connect.CodeUnauthenticated {
			t.Errorf("%q: %v", token, err)
		}
		if _, kept := s.seen.GetIfPresent(token); kept != good {
			t.Errorf("%q is kept: %v", token, kept)
		}
		if !auth.Plausible(token) && user.asked.Load() != before {
			t.Errorf("the user service was asked about %q", token)
		}
	})
}

func TestACallWithoutARequiredIDIsRefusedOverConnectAndGRPC(t *testing.T) {
	t.Parallel()
	g, _, _ := newStreaming(t)
	mux := http.NewServeMux()
	edge, err := rpc.EdgeOptions(g.Log)
	if err != nil {
		t.Fatal(err)
	}
	path, h := apiv1connect.NewInteractionServiceHandler(g, append(edge, connect.WithInterceptors(g.interceptors()...))...)
	mux.Handle(path, g.origins().WithHeaders(h))
	for name, option := range map[string]connect.ClientOption{"connect": connect.WithClientOptions(), "grpc": connect.WithGRPC()} {
		client := apiv1connect.NewInteractionServiceClient(serveMesh(t, mux), "http://gateway", option)
		_, err := client.ListComments(t.Context(), &apiv1.ListCommentsRequest{})
		f, _ := fault.As(err)
		if f == nil || f.Code() != connect.CodeInvalidArgument || len(f.Violations()) != 1 || f.Violations()[0].Field != "video_id" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
