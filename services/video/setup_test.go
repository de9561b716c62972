package video

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	relationv1 "douyin.dev/gen/douyin/relation/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/gen/douyin/video/v1/videov1connect"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/pg/pgtest"
)

func TestMain(m *testing.M) {
	if settings := os.Getenv(workerEnv); settings != "" {
		fmt.Fprintln(os.Stderr, runWorker(settings))
		os.Exit(1)
	}
	infratest.Main(m)
}

const author = int64(7)

// bench is a service with its own schema, work directory and ids, and a client of it.
type bench struct {
	*Service
	client  videov1connect.VideoServiceClient
	follows follows
	store   *blob.Store
	dir     string
	now     atomic.Int64 // what the clock shows, in Unix milliseconds
	// refusals has an entry for every upload the server has refused.
	refusals chan struct{}
}

func newBench(t *testing.T, change func(*Deps)) *bench {
	t.Helper()
	store, err := blob.Open(t.Context(), infratest.S3(t))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{follows: follows{}, store: store, dir: t.TempDir(), refusals: make(chan struct{}, 100)}
	b.now.Store(time.Now().UnixMilli())
	// The bucket is shared by all tests: ids of their own keep objects apart.
	ids := &countingIDs{}
	ids.last.Store(rand.Int64N(1<<52) / 10000 * 10000)
	deps := Deps{
		DB: pgtest.New(t, migrations), Objects: store, WorkDir: b.dir, Limits: DefaultLimits(),
		IDs:       ids,
		Now:       func() time.Time { return time.UnixMilli(b.now.Load()) },
		Relations: b.follows,
	}
	if change != nil {
		change(&deps)
	}
	if b.Service, err = New(deps); err != nil {
		t.Fatal(err)
	}
	_, handler := videov1connect.NewVideoServiceHandler(b.Service, connect.WithInterceptors(actAs{author, b.refusals}))
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	b.client = videov1connect.NewVideoServiceClient(server.Client(), server.URL)
	return b
}

// countingIDs counts up.
type countingIDs struct{ last atomic.Int64 }

func (c *countingIDs) Next() (int64, error) { return c.last.Add(1), nil }

// actAs lets every stream act for a user and sends faults as the mesh does.
type actAs struct {
	user     int64
	refusals chan<- struct{}
}

func (a actAs) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc { return next }
func (a actAs) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}
func (a actAs) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		if err := next(as(ctx, a.user), conn); err != nil {
			a.refusals <- struct{}{}
			return fault.ToWire(err)
		}
		return nil
	}
}

func as(ctx context.Context, user int64) context.Context {
	return auth.WithViewer(ctx, auth.Viewer{UserID: user})
}

// follows stands for the relation service, which is another process: follower, followee.
// A test writes it before it asks.
type follows map[[2]int64]bool

func (f follows) BatchCheckFollows(_ context.Context, req *relationv1.BatchCheckFollowsRequest) (*relationv1.BatchCheckFollowsResponse, error) {
	res := &relationv1.BatchCheckFollowsResponse{}
	for _, user := range req.GetUserIds() {
		if f[[2]int64{req.GetFollowerId(), user}] {
			res.FollowedUserIds = append(res.FollowedUserIds, user)
		}
	}
	return res, nil
}

func (f follows) BatchCheckFollowers(_ context.Context, req *relationv1.BatchCheckFollowersRequest) (*relationv1.BatchCheckFollowersResponse, error) {
	res := &relationv1.BatchCheckFollowersResponse{}
	for _, user := range req.GetUserIds() {
		if f[[2]int64{user, req.GetFolloweeId()}] {
			res.FollowerUserIds = append(res.FollowerUserIds, user)
		}
	}
	return res, nil
}

// upload sends a file as clients do.
func (b *bench) upload(ctx context.Context, h *videov1.PublishVideoHeader, file []byte) (*videov1.Video, error) {
	stream, err := b.client.PublishVideo(ctx)
	if err != nil {
		return nil, err
	}
	parts := []*videov1.PublishVideoRequest{{Part: &videov1.PublishVideoRequest_Header{Header: h}}}
	for chunk := range slices.Chunk(file, 100<<10) {
		parts = append(parts, &videov1.PublishVideoRequest{Part: &videov1.PublishVideoRequest_Chunk{Chunk: chunk}})
	}
	for _, p := range parts {
		if stream.Send(p) != nil {
			break // the answer says why
		}
	}
	res, err := stream.CloseAndReceive()
	if err != nil {
		return nil, err
	}
	return res.GetVideo(), nil
}

// objects returns the keys of a video's objects.
func (b *bench) objects(t *testing.T, id int64) []string {
	t.Helper()
	var keys []string
	for item, err := range b.store.List(t.Context(), prefix(id)) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, strings.TrimPrefix(item.Key, prefix(id)))
	}
	return keys
}

func (b *bench) rows(t *testing.T, table string) int {
	t.Helper()
	var n int
	if err := b.db.RW().QueryRow(t.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// nothingLeft checks that a refused upload left no row, event, object or file.
func (b *bench) nothingLeft(t *testing.T) {
	t.Helper()
	id, err := b.ids.Next()
	if err != nil {
		t.Fatal(err)
	}
	if keys := b.objects(t, id-1); len(keys) > 0 {
		t.Errorf("objects left: %v", keys)
	}
	if n, events := b.rows(t, "video"), b.rows(t, "outbox"); n+events > 0 {
		t.Errorf("%d rows and %d events left", n, events)
	}
	left, err := os.ReadDir(b.dir)
	if err != nil || len(left) > 0 {
		t.Errorf("files left: %v %v", left, err)
	}
}

func refusedAsNotPlayable(err error) bool {
	return fault.HasReason(err, videov1.ErrorReason_ERROR_REASON_NOT_PLAYABLE)
}
