package message

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"strconv"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/redis/rueidis"

	messagev1 "douyin.dev/gen/douyin/message/v1"
	"douyin.dev/gen/douyin/message/v1/messagev1connect"
	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/id"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/memhttp"
	"douyin.dev/services/platform/pg"
	"douyin.dev/services/platform/pg/pgtest"
	"douyin.dev/services/platform/rpc"
)

func TestMain(m *testing.M) { infratest.Main(m) }

// users stands for the user service, which is another process: ids below 1000 exist.
type users struct{}

func (users) BatchGetUsers(_ context.Context, req *userv1.BatchGetUsersRequest) (*userv1.BatchGetUsersResponse, error) {
	res := &userv1.BatchGetUsersResponse{}
	for _, id := range req.GetIds() {
		if id < 1000 {
			res.Users = append(res.Users, &userv1.User{Id: id})
		}
	}
	return res, nil
}

// byNumber takes the user's number for a token.
type byNumber struct{}

func (byNumber) Verify(_ context.Context, token string) (auth.Verified, error) {
	id, err := strconv.ParseInt(token, 10, 64)
	return auth.Verified{Viewer: auth.Viewer{UserID: id}, ExpiresAt: time.Now().Add(time.Hour)}, err
}

// rig is a schema that instances share.
type rig struct {
	db       *pg.DB
	machines int
}

func newRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	return &rig{db: pgtest.New(t, migrations)}
}

// instance is a process: a service, a server and its Redis connection.
type instance struct {
	*Service
	client messagev1connect.MessageServiceClient
}

// start runs an instance until the test ends. Without a Redis it polls.
func (r *rig) start(t *testing.T, redis rueidis.Client) *instance {
	t.Helper()
	r.machines++
	s, err := New(Deps{
		DB: r.db, Users: users{}, Redis: redis, IDs: id.New(id.Fixed(r.machines)),
		Now: time.Now, Wake: func() {}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() { defer close(stopped); _ = s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-stopped })
	return &instance{Service: s, client: serve(t, s)}
}

// serve puts a service behind the interceptors of the mesh.
func serve(t *testing.T, s *Service) messagev1connect.MessageServiceClient {
	t.Helper()
	handling, err := rpc.HandlerOptions(rpc.HandlerDeps{Log: slog.New(slog.DiscardHandler), Verifier: byNumber{}, Classify: pg.Fault})
	if err != nil {
		t.Fatal(err)
	}
	calling, err := rpc.ClientOptions()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(messagev1connect.NewMessageServiceHandler(s, handling...))
	listener := memhttp.NewListener()
	server := rpc.NewServer(mux)
	go func() { _ = server.Serve(listener) }()
	transport := listener.Transport()
	t.Cleanup(func() { transport.CloseIdleConnections(); _ = server.Close() })
	return messagev1connect.NewMessageServiceClient(&http.Client{Transport: transport}, "http://message", calling...)
}

// redisClient connects to the Redis of the tests.
func redisClient(t *testing.T) rueidis.Client {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{infratest.Redis(t)}, DisableCache: true, ForceSingleClient: true, ClientName: "message-" + rand.Text(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// as returns a context of a call by a user, on either side of the wire.
func as(ctx context.Context, userID int64) context.Context {
	return auth.WithToken(auth.WithViewer(ctx, auth.Viewer{UserID: userID}), strconv.FormatInt(userID, 10))
}

func (i *instance) mustSend(t *testing.T, from, to int64, content string) *messagev1.Message {
	t.Helper()
	res, err := i.client.SendMessage(as(t.Context(), from), &messagev1.SendMessageRequest{ToUserId: to, Content: content})
	if err != nil {
		t.Fatal(err)
	}
	return res.GetMessage()
}

// conversation returns all of a user's messages with a peer.
func (i *instance) conversation(t *testing.T, viewer, peer int64) []*messagev1.Message {
	t.Helper()
	var all []*messagev1.Message
	req := &messagev1.ListMessagesRequest{PeerId: peer}
	for {
		res, err := i.client.ListMessages(as(t.Context(), viewer), req)
		if err != nil {
			t.Fatal(err)
		}
		all = append(res.GetMessages(), all...)
		if req.PageToken = res.GetNextPageToken(); req.PageToken == "" {
			return all
		}
	}
}

// stream is a subscription. Its first answer, the cursor, was read.
type stream struct {
	*connect.ServerStreamForClient[messagev1.SubscribeResponse]
	cursor int64
	cancel context.CancelFunc
}

// subscribe opens a stream; a negative after means from now on. hang up.
func (i *instance) subscribe(t *testing.T, userID, after int64) *stream {
	t.Helper()
	// A message that never comes fails the test instead of hanging it.
	ctx, cancel := context.WithTimeout(as(t.Context(), userID), 30*time.Second)
	t.Cleanup(cancel)
	req := &messagev1.SubscribeRequest{}
	if after >= 0 {
		req.AfterMs = &after
	}
	s, err := i.client.Subscribe(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Receive() {
		t.Fatal("no first answer: ", s.Err())
	}
	if s.Msg().GetMessage() != nil {
		t.Fatal("the first answer is a message")
	}
	return &stream{ServerStreamForClient: s, cursor: s.Msg().GetCursorMs(), cancel: cancel}
}

func (s *stream) hangUp() { s.cancel(); _ = s.Close() }

// next returns the next n messages.
func (s *stream) next(t *testing.T, n int) []*messagev1.Message {
	t.Helper()
	var got []*messagev1.Message
	for len(got) < n {
		if !s.Receive() {
			t.Fatalf("stream ended after %d of %d messages: %v", len(got), n, s.Err())
		}
		if m := s.Msg().GetMessage(); m != nil {
			if s.Msg().GetCursorMs() != m.GetSentAtMs() {
				t.Errorf("cursor %d at message %d", s.Msg().GetCursorMs(), m.GetSentAtMs())
			}
			got = append(got, m)
		}
		s.cursor = s.Msg().GetCursorMs()
	}
	return got
}
