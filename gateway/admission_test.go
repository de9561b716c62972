package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"go.opentelemetry.io/otel/metric/noop"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/gen/douyin/api/v1/apiv1connect"
)

// patience bounds what must happen but not when.
const patience = 20 * time.Second

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

func newTestAdmission(t *testing.T, s Settings) *admission {
	t.Helper()
	a, err := newAdmission(s, noop.NewMeterProvider())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// face is the REST side of an admission: the path of a request stands for its
// procedure.
func (a *admission) face(b *blocking) http.Handler {
	admitted := a.admitREST(func(_ context.Context, w http.ResponseWriter, r *http.Request) { b.ServeHTTP(w, r) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		admitted(withCall(r.Context(), &call{endpoint: &endpoint{procedure: r.URL.Path, zeros: []byte(`,"key":0}`)}}), w, r)
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
		case <-time.After(patience):
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
	if w.Code != http.StatusServiceUnavailable || body.Code != statusUnavailable || body.Message == "" || w.Header().Get("Retry-After") != "1" {
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
	for procedure, s := range map[string]Settings{
		sendProcedure:      {MaxCalls: 20, MaxUploads: 1, MaxStreams: 1},
		publishProcedure:   {MaxCalls: 1, MaxUploads: 20, MaxStreams: 1},
		subscribeProcedure: {MaxCalls: 1, MaxUploads: 1, MaxStreams: 20},
	} {
		t.Run(procedure, func(t *testing.T) {
			t.Parallel()
			a, b := newTestAdmission(t, s), newBlocking()
			h := a.face(b)
			under := fill(t, h, b, procedure, 20)
			for range 200 { // ten times the limit
				refused(t, h, procedure)
			}
			close(b.leave)
			under.Wait()
			b.leave = make(chan struct{})
			under = fill(t, h, b, procedure, 20)
			refused(t, h, procedure)
			close(b.leave)
			under.Wait()
		})
	}
}

func TestLessImportantCallsAreShedFirst(t *testing.T) {
	t.Parallel()
	a, b := newTestAdmission(t, Settings{MaxCalls: 10}), newBlocking()
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
	a, b := newTestAdmission(t, Settings{MaxCalls: 1, MaxUploads: 1, MaxStreams: 2}), newBlocking()
	h, downloads := a.face(b), a.admitDownload(b)
	all := []*sync.WaitGroup{
		fill(t, h, b, sendProcedure, 1), fill(t, h, b, publishProcedure, 1),
		fill(t, h, b, subscribeProcedure, 1), fill(t, downloads, b, "/media/x", 1),
	}
	refused(t, h, sendProcedure)
	refused(t, h, publishProcedure)
	refused(t, h, subscribeProcedure)
	refused(t, downloads, "/media/x")
	close(b.leave)
	for _, under := range all {
		under.Wait()
	}
}

func TestNoLimitAdmitsAll(t *testing.T) {
	t.Parallel()
	a, b := newTestAdmission(t, Settings{}), newBlocking()
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
			a, b := newTestAdmission(t, Settings{MaxCalls: 3}), newBlocking()
			mux := http.NewServeMux()
			path, h := apiv1connect.NewFeedServiceHandler(slowFeed{blocking: b})
			mux.Handle(path, a.admitRPC(h))
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
			_, err := client.GetFeed(t.Context(), &apiv1.GetFeedRequest{})
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

func TestEveryImportanceIsOfAProcedure(t *testing.T) {
	t.Parallel()
	for procedure := range importances {
		if _, ok := accesses[procedure]; !ok {
			t.Error("no procedure ", strconv.Quote(procedure))
		}
	}
}
