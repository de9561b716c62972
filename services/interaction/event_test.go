package interaction

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/pg"
)

func changed(t *testing.T, videoID int64, state videov1.VideoState) []bus.Message {
	t.Helper()
	value, err := proto.Marshal(&videov1.VideoChanged{VideoId: videoID, AuthorId: author, State: state})
	if err != nil {
		t.Fatal(err)
	}
	return []bus.Message{{Value: value}}
}

const (
	published = videov1.VideoState_VIDEO_STATE_PUBLISHED
	deleted   = videov1.VideoState_VIDEO_STATE_DELETED
)

func TestDeletedVideoLosesEverythingWithEvents(t *testing.T) {
	b := setup(t)
	const many = 2*clearLimit + 10
	_, err := b.db.RW().Exec(t.Context(), `INSERT INTO video_like SELECT n, 5, $1, n FROM generate_series(1, $2) n`, author, many)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.db.RW().Exec(t.Context(), `INSERT INTO comment SELECT 5, n, n, $1, 'x', n FROM generate_series(1, $2) n`, author, many)
	if err != nil {
		t.Fatal(err)
	}
	b.mustLike(t, alice, 6)
	kept := b.mustComment(t, alice, 6, "kept")
	if err := b.handleVideos(t.Context(), changed(t, 6, published)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second delivery finds nothing to do
		if err := b.handleVideos(t.Context(), changed(t, 5, deleted)); err != nil {
			t.Fatal(err)
		}
	}
	likes, comments := map[int64]int{}, map[int64]int{}
	for _, e := range announcedEvents(t, b.db, &interactionv1.LikeChanged{}) {
		if e.GetVideoId() == 5 && !e.GetLiked() && e.GetAuthorId() == author {
			likes[e.GetUserId()]++
		}
	}
	for _, e := range announcedEvents(t, b.db, &interactionv1.CommentChanged{}) {
		if e.GetVideoId() == 5 && !e.GetPresent() {
			comments[e.GetCommentId()]++
		}
	}
	want := map[int64]int{}
	for n := range int64(many) {
		want[n+1] = 1
	}
	if diff := cmp.Diff(want, likes); diff != "" {
		t.Error("likes", diff)
	}
	if diff := cmp.Diff(want, comments); diff != "" {
		t.Error("comments", diff)
	}
	if n := count(t, b.db, `SELECT (SELECT count(*) FROM video_like WHERE video_id <> 6) + (SELECT count(*) FROM comment WHERE id <> $1)`, kept.GetId()); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if n := count(t, b.db, `SELECT (SELECT count(*) FROM video_like) + (SELECT count(*) FROM comment)`); n != 2 {
		t.Errorf("%d of 2 rows of another video are left", n)
	}
}

// The video service may still answer, or be remembered to have answered, that
// the video exists.
func TestDeletedVideoTakesNothingNew(t *testing.T) {
	b := setup(t)
	b.mustLike(t, alice, 5)
	if err := b.handleVideos(t.Context(), changed(t, 5, deleted)); err != nil {
		t.Fatal(err)
	}
	reason := interactionv1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND
	if _, err := b.LikeVideo(as(t, bob), &interactionv1.LikeVideoRequest{VideoId: 5}); !fault.HasReason(err, reason) {
		t.Errorf("like: %v", err)
	}
	if _, err := b.UnlikeVideo(as(t, bob), &interactionv1.UnlikeVideoRequest{VideoId: 5}); !fault.HasReason(err, reason) {
		t.Errorf("unlike: %v", err)
	}
	for _, key := range []string{"", "k"} {
		req := &interactionv1.CreateCommentRequest{VideoId: 5, Text: "x", IdempotencyKey: key}
		if _, err := b.CreateComment(as(t, bob), req); !fault.HasReason(err, reason) {
			t.Errorf("comment with key %q: %v", key, err)
		}
	}
	if n := count(t, b.db, `SELECT (SELECT count(*) FROM video_like) + (SELECT count(*) FROM comment)`); n != 0 {
		t.Errorf("%d rows refer to a deleted video", n)
	}
}

// waiting counts those who wait at the gates.
func (b *bundle) waiting(t *testing.T) int {
	return count(t, b.db, `SELECT count(*) FROM pg_locks
		WHERE locktype = 'advisory' AND NOT granted AND classid = $1::bigint::oid AND objsubid = 2`, int64(uint32(b.store.gateClass)))
}

func TestLikeInsideTheGateIsFoundByTheDeletion(t *testing.T) {
	b := setup(t)
	tx, err := b.db.RW().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context()) // without effect: it was committed
	ok, err := writeComments(t.Context(), tx, b.store.gateClass, []comment{{VideoID: 5, ID: 1, UserID: alice, AuthorID: author, Text: "x"}})
	if err != nil || !ok[0] {
		t.Fatal(ok, err)
	}
	done := make(chan error)
	go func() { done <- b.clearVideo(t.Context(), 5) }()
	eventually(t, "the deletion waits for the write", func() bool { return b.waiting(t) == 1 })
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := count(t, b.db, `SELECT count(*) FROM comment`); n != 0 {
		t.Error("the comment outlived its video")
	}
}

func TestLikeOutsideTheGateSeesTheTombstone(t *testing.T) {
	b := setup(t)
	tx, err := b.db.RW().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context()) // without effect: it was committed
	if _, err := tx.Exec(t.Context(), closeSQL, pgx.NamedArgs{"class": b.store.gateClass, "stripe": pg.Stripe(5, stripeBits)}); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := b.LikeVideo(as(t, alice), &interactionv1.LikeVideoRequest{VideoId: 5})
		done <- err
	}()
	// The like is under way, and its video still has no tombstone.
	eventually(t, "the like waits for the deletion", func() bool { return b.waiting(t) == 1 })
	if _, err := tx.Exec(t.Context(), buryVideoSQL, pgx.NamedArgs{"video_id": 5}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !fault.HasReason(err, interactionv1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND) {
		t.Errorf("like during the deletion: %v", err)
	}
}

func TestLikesDuringADeletionLeaveNothing(t *testing.T) {
	b := setup(t)
	instances := []*Service{b.Service, b.another(t)}
	var wg sync.WaitGroup
	for user := range int64(40) {
		wg.Go(func() {
			for range 20 {
				s := instances[user%2]
				_, likeErr := s.LikeVideo(as(t, user+1), &interactionv1.LikeVideoRequest{VideoId: 5})
				_, unlikeErr := s.UnlikeVideo(as(t, user+1), &interactionv1.UnlikeVideoRequest{VideoId: 5})
				_, againErr := s.LikeVideo(as(t, user+1), &interactionv1.LikeVideoRequest{VideoId: 5})
				for _, err := range []error{likeErr, unlikeErr, againErr} {
					if err != nil && !fault.HasReason(err, interactionv1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND) {
						t.Error(err)
					}
				}
			}
		})
	}
	eventually(t, "somebody likes the video", func() bool {
		return count(t, b.db, `SELECT count(*) FROM video_like`) > 0
	})
	if err := b.clearVideo(t.Context(), 5); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if n := count(t, b.db, `SELECT count(*) FROM video_like`); n != 0 {
		t.Errorf("%d likes outlived their video", n)
	}
	sum := 0
	for _, e := range announcedEvents(t, b.db, &interactionv1.LikeChanged{}) {
		if e.GetLiked() {
			sum++
		} else {
			sum--
		}
	}
	if sum != 0 {
		t.Errorf("events sum up to %d likes", sum)
	}
}

func TestUnreadableEventIsPoison(t *testing.T) {
	b := setup(t)
	if err := b.handleVideos(t.Context(), []bus.Message{{Value: []byte{0xff}}}); !bus.IsPoison(err) {
		t.Errorf("got %v", err)
	}
}
