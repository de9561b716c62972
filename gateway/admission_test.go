package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"douyin.dev/gateway/policy"
	"douyin.dev/gateway/rest"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/gen/douyin/api/v1/apiv1connect"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/client"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/rpc"
)

// testTimeout bounds the wait for what must happen, however slow the machine.
const testTimeout = time.Minute

// blocking answers when it is told to.
type blocking struct {
	entered chan struct{}
	leave   chan struct{}
}

func newBlocking() *blocking {
	return &blocking{entered: make(chan struct{}, 1000), leave: make(chan struct{})}
}

func (b *blocking) ServeHTTP(http.ResponseWriter, *http.Request) {
	b.entered <- struct{}{}
	<-b.leave
}

// face is the REST side of an admission: the path of a request stands for its
// procedure.
func (a *admission) face(b *blocking) http.Handler {
	admitted := a.admitREST(func(_ context.Context, w http.ResponseWriter, r *http.Request) { b.ServeHTTP(w, r) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		admitted(rest.WithCall(r.Context(), &rest.Call{Procedure: r.URL.Path}), w, r)
	})
}

func as(procedure string) *http.Request { return httptest.NewRequest(http.MethodPost, procedure, nil) }

// fill has n requests under way.
func fill(t *testing.T, h http.Handler, b *blocking, procedure string, n int) *sync.WaitGroup {
	t.Helper()
	wg := &sync.WaitGroup{}
	for range n {
		wg.Go(func() { h.ServeHTTP(httptest.NewRecorder(), as(procedure)) })
		select {
		case <-b.entered:
		case <-time.After(testTimeout):
			t.Fatal("a request below the limit was not admitted")
		}
	}
	return wg
}

func refused(t *testing.T, h http.Handler, procedure string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, as(procedure))
	var body struct {
		Code    int    `json:"status_code"`
		Message string `json:"status_msg"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusServiceUnavailable || body.Code != 50002 || body.Message == "" || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%s: HTTP %d %s, headers %v", procedure, w.Code, w.Body, w.Header())
	}
}

const (
	sendProcedure = "/douyin.api.v1.MessageService/SendMessage"
	feedProcedure = "/douyin.api.v1.FeedService/GetFeed"
	listProcedure = "/douyin.api.v1.RelationService/ListFollowers"
)

func TestOneMoreThanTheLimitIsRefusedAndThenAdmittedAgain(t *testing.T) {
	t.Parallel()
	a, b := newAdmission(Settings{MaxCalls: 20, MaxUploads: 1, MaxStreams: 1}, declared(t), nil), newBlocking()
	h := a.face(b)
	under := fill(t, h, b, sendProcedure, 20)
	for range 200 { // ten times the limit
		refused(t, h, sendProcedure)
	}
	close(b.leave)
	under.Wait()
	b.leave = make(chan struct{})
	under = fill(t, h, b, sendProcedure, 20)
	refused(t, h, sendProcedure)
	close(b.leave)
	under.Wait()
}

// caller is the context of a user's call from an address; user 0 is nobody.
func caller(user int64, address string) context.Context {
	addr := netip.MustParseAddr(address)
	ctx := rest.WithCall(context.Background(), &rest.Call{Origin: rest.Origin{Addr: addr, Client: client.KeyOf(addr)}})
	if user != 0 {
		ctx = auth.WithViewer(ctx, auth.Viewer{UserID: user})
	}
	return ctx
}

// Each limit at one less, as many and one more than it admits.
func TestEveryBudgetAdmitsAsManyAsItSays(t *testing.T) {
	t.Parallel()
	const n = 3
	users := func(i int) context.Context { return caller(int64(1+i), fmt.Sprintf("192.0.2.%d", 1+i)) }
	upload := func(a *admission, ctx context.Context) (func(), error) { return a.enterUpload(ctx) }
	stream := func(a *admission, ctx context.Context) (func(), error) { return a.enterStream(ctx) }
	password := func(a *admission, ctx context.Context) (func(), error) { return a.countPassword(ctx) }
	for name, at := range map[string]struct {
		settings Settings
		enter    func(*admission, context.Context) (func(), error)
		callers  func(i int) context.Context
		other    context.Context // nil where the limit is for all
		want     error
	}{
		"passwords of a client": {Settings{ClientPasswords: n}, password, func(i int) context.Context { return caller(int64(1+i), "192.0.2.1") }, caller(1, "192.0.2.2"), errTooManyPasswords},
		"uploads of a user":     {Settings{UserUploads: n}, upload, func(i int) context.Context { return caller(7, fmt.Sprintf("192.0.2.%d", i)) }, caller(8, "192.0.2.1"), errTooManyUploads},
		"uploads of nobody":     {Settings{UserUploads: n}, upload, func(int) context.Context { return caller(0, "192.0.2.1") }, caller(0, "192.0.2.2"), errTooManyUploads},
		"uploads":               {Settings{MaxUploads: n}, upload, users, caller(0, "192.0.2.1"), rest.ErrOverloaded},
		"anonymous uploads":     {Settings{MaxAnonymousUploads: n}, upload, func(i int) context.Context { return caller(0, fmt.Sprintf("192.0.2.%d", 1+i)) }, caller(7, "192.0.2.1"), rest.ErrOverloaded},
		"streams of a user":     {Settings{UserStreams: n}, stream, func(i int) context.Context { return caller(7, fmt.Sprintf("192.0.2.%d", i)) }, caller(8, "192.0.2.1"), errTooManyStreams},
		"streams of an address": {Settings{ClientStreams: n}, stream, func(i int) context.Context { return caller(int64(1+i), "192.0.2.1") }, caller(1, "192.0.2.2"), errTooManyStreams},
		"streams":               {Settings{MaxStreams: n}, stream, users, nil, rest.ErrOverloaded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAdmission(at.settings, declared(t), nil)
			var leaves []func()
			for i := range n {
				leave, err := at.enter(a, at.callers(i))
				if err != nil {
					t.Fatalf("%d of %d: %v", i+1, n, err)
				}
				leaves = append(leaves, leave)
			}
			for range 2 { // a refusal holds nothing
				if _, err := at.enter(a, at.callers(n)); !errors.Is(err, at.want) {
					t.Errorf("one too many: %v", err)
				}
			}
			if at.other != nil {
				leave, err := at.enter(a, at.other)
				if err != nil {
					t.Errorf("another is refused: %v", err)
				} else {
					leave()
				}
			}
			leaves[0]()
			if _, err := at.enter(a, at.callers(0)); err != nil {
				t.Errorf("one left and one more is refused: %v", err)
			}
			if _, err := at.enter(a, at.callers(n)); !errors.Is(err, at.want) {
				t.Errorf("one left and two more are admitted: %v", err)
			}
		})
	}
}

// A flood of one client's logins leaves room in the queue that all share.
func TestFewPasswordsOfAClientAreHashedAtATime(t *testing.T) {
	t.Parallel()
	a := newAdmission(Settings{ClientPasswords: 2 * clientHashes}, declared(t), nil)
	for range clientHashes {
		if _, err := a.enterPassword(caller(0, "192.0.2.1")); err != nil {
			t.Fatal(err)
		}
	}
	left, leave := context.WithCancel(caller(0, "192.0.2.1"))
	leave()
	if _, err := a.enterPassword(left); !errors.Is(err, context.Canceled) {
		t.Errorf("one more of the client: %v, want it to wait", err)
	}
	if _, err := a.enterPassword(caller(0, "192.0.2.2")); err != nil {
		t.Errorf("another client: %v", err)
	}
}

// from is a request of an address to a middleware of this package.
func from(address string) *http.Request {
	return as("/").WithContext(caller(0, address))
}

func TestAClientHasAsManyCallsAndDownloadsAsItMay(t *testing.T) {
	t.Parallel()
	const n = 3
	a := newAdmission(Settings{ClientCalls: n, ClientDownloads: n}, declared(t), nil)
	for name, at := range map[string]struct {
		middleware func(http.Handler) http.Handler
		status     int
	}{"calls": {a.admitClient, http.StatusTooManyRequests}, "downloads": {a.admitDownload, http.StatusServiceUnavailable}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBlocking()
			h := at.middleware(b)
			var under sync.WaitGroup
			begin := func(address string) {
				under.Go(func() { h.ServeHTTP(httptest.NewRecorder(), from(address)) })
				<-b.entered
			}
			for range n {
				begin("2001:db8::1")
			}
			w := httptest.NewRecorder()
			r := from("2001:db8::2") // of the same /64
			r.Header.Set("Content-Type", "application/json")
			if h.ServeHTTP(w, r); w.Code != at.status || w.Header().Get("Retry-After") == "" {
				t.Errorf("one too many: HTTP %d, headers %v", w.Code, w.Header())
			}
			begin("192.0.2.1")
			close(b.leave)
			under.Wait()
			begin("2001:db8::1")
			under.Wait()
		})
	}
}

func TestLessImportantCallsAreShedFirst(t *testing.T) {
	t.Parallel()
	a, b := newAdmission(Settings{MaxCalls: 10}, declared(t), nil), newBlocking()
	h := a.face(b)
	var all []*sync.WaitGroup
	for _, step := range []struct {
		procedure string
		admitted  int
	}{
		{"/douyin.api.v1.RelationService/CountFollowers", 7},
		{listProcedure, 1}, {feedProcedure, 1}, {sendProcedure, 1},
	} {
		all = append(all, fill(t, h, b, step.procedure, step.admitted))
		refused(t, h, step.procedure)
	}
	close(b.leave)
	for _, under := range all {
		under.Wait()
	}
}

func TestKindsAreCountedApart(t *testing.T) {
	t.Parallel()
	a, b := newAdmission(Settings{MaxCalls: 1, MaxUploads: 1, MaxStreams: 2}, declared(t), nil), newBlocking()
	h, downloads := a.face(b), a.admitDownload(b)
	ctx := caller(7, "192.0.2.1")
	all := []*sync.WaitGroup{fill(t, h, b, sendProcedure, 1), fill(t, downloads, b, "/media/x", 1)}
	if _, err := a.enterUpload(ctx); err != nil {
		t.Error(err)
	}
	if _, err := a.enterStream(ctx); err != nil {
		t.Error(err)
	}
	refused(t, h, sendProcedure)
	refused(t, downloads, "/media/x")
	close(b.leave)
	for _, under := range all {
		under.Wait()
	}
}

func TestNoLimitAdmitsAll(t *testing.T) {
	t.Parallel()
	a, b := newAdmission(Settings{}, declared(t), nil), newBlocking()
	under := fill(t, a.face(b), b, listProcedure, 100)
	close(b.leave)
	under.Wait()
}

// slowFeed is a feed that answers when it is told to.
type slowFeed struct {
	apiv1connect.UnimplementedFeedServiceHandler
	*blocking
}

func (s slowFeed) GetFeed(context.Context, *apiv1.GetFeedRequest) (*apiv1.GetFeedResponse, error) {
	s.entered <- struct{}{}
	<-s.leave
	return &apiv1.GetFeedResponse{NextTime: 1}, nil
}

func TestOverloadInEveryProtocol(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]connect.ClientOption{
		"connect": connect.WithClientOptions(), "grpc": connect.WithGRPC(), "grpc-web": connect.WithGRPCWeb(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := newAdmission(Settings{MaxCalls: 3}, declared(t), nil), newBlocking()
			mux := http.NewServeMux()
			edge, err := rpc.EdgeOptions(slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			mux.Handle(apiv1connect.NewFeedServiceHandler(slowFeed{blocking: b}, append(edge, connect.WithInterceptors(connect.UnaryInterceptorFunc(a.admitUnary)))...))
			client := apiv1connect.NewFeedServiceClient(serveMesh(t, mux), "http://gateway", option)
			var under sync.WaitGroup
			for range 2 { // nine tenths of three
				under.Go(func() {
					if _, err := client.GetFeed(t.Context(), &apiv1.GetFeedRequest{}); err != nil {
						t.Error(err)
					}
				})
				<-b.entered
			}
			_, err = client.GetFeed(t.Context(), &apiv1.GetFeedRequest{})
			if connect.CodeOf(err) != connect.CodeUnavailable || strings.Contains(err.Error(), "under way") {
				t.Errorf("got %v", err)
			}
			close(b.leave)
			under.Wait()
			if _, err := client.GetFeed(t.Context(), &apiv1.GetFeedRequest{}); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// declared are the policies of the public API.
func declared(t *testing.T) policy.Policies {
	t.Helper()
	all, err := policy.Read()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAProcedureThatDeclaresNothingIsRefused(t *testing.T) {
	t.Parallel()
	g := New(Deps{Now: time.Now})
	if _, err := g.admit(t.Context(), "", "/douyin.api.v1.VideoService/Forgotten"); fault.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("got %v", err)
	}
}

// Publishing and deleting are as important as sessions: what a client sent must
// not be lost to those who look on.
func TestDeletingAVideoAndRegisteringAreEssential(t *testing.T) {
	t.Parallel()
	a := newAdmission(Settings{MaxCalls: 10}, declared(t), nil)
	for range 9 { // as many as the feed may have
		if !a.enterCall(t.Context(), feedProcedure) {
			t.Fatal("a call below the limit was refused")
		}
	}
	for _, procedure := range []string{"/douyin.api.v1.VideoService/DeleteVideo", "/douyin.api.v1.UserService/Register"} {
		if !a.enterCall(t.Context(), procedure) {
			t.Errorf("%s is refused like a list", procedure)
			continue
		}
		a.leaveCall()
	}
}
