package interaction

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/id"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/pg"
	"douyin.dev/services/platform/pg/pgtest"
)

func TestMain(m *testing.M) { infratest.Main(m) }

const (
	author = 900 // publishes every video of the tests
	alice  = 1
	bob    = 2
)

// videos stands for the video service, which is another process.
type videos struct {
	mu    sync.Mutex
	exist map[int64]bool
	// seenBy has the one viewer of each video that is not for everybody.
	seenBy map[int64]int64
	asked  atomic.Int64
}

func (v *videos) BatchGetVideos(_ context.Context, req *videov1.BatchGetVideosRequest) (*videov1.BatchGetVideosResponse, error) {
	v.asked.Add(1)
	v.mu.Lock()
	defer v.mu.Unlock()
	res := &videov1.BatchGetVideosResponse{}
	for _, id := range req.GetIds() {
		if v.exist[id] {
			_, restricted := v.seenBy[id]
			res.Videos = append(res.Videos, &videov1.Video{Id: id, AuthorId: author, Restricted: restricted})
		}
	}
	return res, nil
}

func (v *videos) BatchCheckVisible(_ context.Context, req *videov1.BatchCheckVisibleRequest) (*videov1.BatchCheckVisibleResponse, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	res := &videov1.BatchCheckVisibleResponse{}
	for _, id := range req.GetVideoIds() {
		if only, restricted := v.seenBy[id]; !restricted || only == req.GetViewerId() {
			res.VisibleVideoIds = append(res.VisibleVideoIds, id)
		}
	}
	return res, nil
}

func (v *videos) set(id int64, exists bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.exist[id] = exists
}

type bundle struct {
	*Service
	db      *pg.DB
	videos  *videos
	machine int
}

// setup returns a service with the videos 1 to 20 in a schema of its own.
func setup(t *testing.T) *bundle {
	t.Helper()
	t.Parallel()
	b := &bundle{db: pgtest.New(t, migrations), videos: &videos{exist: map[int64]bool{}, seenBy: map[int64]int64{}}}
	for id := range int64(20) {
		b.videos.set(id+1, true)
	}
	b.Service = b.another(t)
	return b
}

// another returns one more instance on the same schema.
func (b *bundle) another(t *testing.T) *Service {
	t.Helper()
	b.machine++
	s, err := New(Deps{DB: b.db, Videos: b.videos, IDs: id.New(id.Fixed(b.machine)), Now: time.Now, Wake: func() {}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// as returns a context of a call by a user.
func as(t *testing.T, userID int64) context.Context {
	return auth.WithViewer(t.Context(), auth.Viewer{UserID: userID})
}

func (b *bundle) mustLike(t *testing.T, userID, videoID int64) {
	t.Helper()
	if _, err := b.LikeVideo(as(t, userID), &interactionv1.LikeVideoRequest{VideoId: videoID}); err != nil {
		t.Fatal(err)
	}
}

func (b *bundle) mustUnlike(t *testing.T, userID, videoID int64) {
	t.Helper()
	if _, err := b.UnlikeVideo(as(t, userID), &interactionv1.UnlikeVideoRequest{VideoId: videoID}); err != nil {
		t.Fatal(err)
	}
}

func (b *bundle) mustComment(t *testing.T, userID, videoID int64, text string) *interactionv1.Comment {
	t.Helper()
	res, err := b.CreateComment(as(t, userID), &interactionv1.CreateCommentRequest{VideoId: videoID, Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return res.GetComment()
}

// announcedEvents returns the events of one kind in the outbox, in its order.
func announcedEvents[E proto.Message](t *testing.T, db *pg.DB, kind E) []E {
	t.Helper()
	rows, err := db.RW().Query(t.Context(), `SELECT payload FROM outbox WHERE topic = $1 ORDER BY id`, outbox.Topic(kind))
	if err != nil {
		t.Fatal(err)
	}
	payloads, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		t.Fatal(err)
	}
	var events []E
	for _, p := range payloads {
		e := kind.ProtoReflect().New().Interface().(E)
		if err := proto.Unmarshal(p, e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

func count(t *testing.T, db *pg.DB, sql string, args ...any) (n int) {
	t.Helper()
	if err := db.RW().QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
