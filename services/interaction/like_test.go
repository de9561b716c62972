package interaction

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/pg/pgtest"
)

func TestLikeTwiceCountsOnce(t *testing.T) {
	b := setup(t)
	b.mustLike(t, alice, 7)
	b.mustLike(t, alice, 7)
	b.mustUnlike(t, alice, 7)
	b.mustUnlike(t, alice, 7)
	b.mustLike(t, bob, 7)
	b.mustUnlike(t, bob, 8)
	want := []*interactionv1.LikeChanged{
		{UserId: alice, VideoId: 7, AuthorId: author, Liked: true},
		{UserId: alice, VideoId: 7, AuthorId: author},
		{UserId: bob, VideoId: 7, AuthorId: author, Liked: true},
	}
	if diff := cmp.Diff(want, announcedEvents(t, b.db, &interactionv1.LikeChanged{}), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownVideosAreRefused(t *testing.T) {
	b := setup(t)
	reason := interactionv1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND
	for _, id := range []int64{-1, 0, 21, 1 << 53, 1<<63 - 1} {
		if _, err := b.LikeVideo(as(t, alice), &interactionv1.LikeVideoRequest{VideoId: id}); !fault.HasReason(err, reason) {
			t.Errorf("like %d: %v", id, err)
		}
		if _, err := b.UnlikeVideo(as(t, alice), &interactionv1.UnlikeVideoRequest{VideoId: id}); !fault.HasReason(err, reason) {
			t.Errorf("unlike %d: %v", id, err)
		}
		if _, err := b.CreateComment(as(t, alice), &interactionv1.CreateCommentRequest{VideoId: id, Text: "x"}); !fault.HasReason(err, reason) {
			t.Errorf("comment %d: %v", id, err)
		}
		if _, err := b.ListComments(t.Context(), &interactionv1.ListCommentsRequest{VideoId: id}); !fault.HasReason(err, reason) {
			t.Errorf("list %d: %v", id, err)
		}
	}
	if n := count(t, b.db, `SELECT count(*) FROM outbox`); n != 0 {
		t.Errorf("refused calls announced %d events", n)
	}
}

func TestWhoMayNotSeeAVideoFindsNone(t *testing.T) {
	b := setup(t)
	b.videos.seenBy[7] = alice
	reason := interactionv1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND
	b.mustLike(t, alice, 7)
	b.mustComment(t, alice, 7, "mine")
	before := count(t, b.db, `SELECT count(*) FROM outbox`)
	if _, err := b.LikeVideo(as(t, bob), &interactionv1.LikeVideoRequest{VideoId: 7}); !fault.HasReason(err, reason) {
		t.Errorf("like: %v", err)
	}
	if _, err := b.LikeVideo(as(t, bob), &interactionv1.LikeVideoRequest{VideoId: 7, IdempotencyKey: "k"}); !fault.HasReason(err, reason) {
		t.Errorf("like with a key: %v", err)
	}
	if _, err := b.UnlikeVideo(as(t, bob), &interactionv1.UnlikeVideoRequest{VideoId: 7}); !fault.HasReason(err, reason) {
		t.Errorf("unlike: %v", err)
	}
	if _, err := b.CreateComment(as(t, bob), &interactionv1.CreateCommentRequest{VideoId: 7, Text: "x"}); !fault.HasReason(err, reason) {
		t.Errorf("comment: %v", err)
	}
	for who, ctx := range map[string]context.Context{"bob": as(t, bob), "a guest": t.Context()} {
		if _, err := b.ListComments(ctx, &interactionv1.ListCommentsRequest{VideoId: 7}); !fault.HasReason(err, reason) {
			t.Errorf("list as %s: %v", who, err)
		}
	}
	if after := count(t, b.db, `SELECT count(*) FROM outbox`); after != before {
		t.Errorf("refused calls announced %d events", after-before)
	}
	res, err := b.ListComments(as(t, alice), &interactionv1.ListCommentsRequest{VideoId: 7})
	if err != nil || len(res.GetComments()) != 1 {
		t.Errorf("list as who may see it: %v %v", res.GetComments(), err)
	}
}

func TestVideoIsLookedUpOnceAndFoundWhenItAppears(t *testing.T) {
	b := setup(t)
	if _, err := b.LikeVideo(as(t, alice), &interactionv1.LikeVideoRequest{VideoId: 21}); err == nil {
		t.Fatal("liked a video that does not exist")
	}
	b.videos.set(21, true)
	b.mustLike(t, alice, 21)
	before := b.videos.asked.Load()
	b.mustLike(t, bob, 21)
	if asked := b.videos.asked.Load() - before; asked != 0 {
		t.Errorf("asked %d times about a video just seen", asked)
	}
}

// Two instances toggle the same likes at the same time. Whatever the outcome,
// each like's events alternate and end with what is stored.
func TestConcurrentTogglesAnnounceEachChangeOnce(t *testing.T) {
	b := setup(t)
	instances := []*Service{b.Service, b.another(t)}
	var wg sync.WaitGroup
	for worker := range 16 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for range 60 {
				s, user, video := instances[random.IntN(2)], 1+random.Int64N(3), 1+random.Int64N(3)
				var err error
				if random.IntN(2) == 0 {
					_, err = s.LikeVideo(as(t, user), &interactionv1.LikeVideoRequest{VideoId: video})
				} else {
					_, err = s.UnlikeVideo(as(t, user), &interactionv1.UnlikeVideoRequest{VideoId: video})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	liked := map[[2]int64]bool{}
	for _, e := range announcedEvents(t, b.db, &interactionv1.LikeChanged{}) {
		pair := [2]int64{e.GetUserId(), e.GetVideoId()}
		if liked[pair] == e.GetLiked() {
			t.Fatalf("like %v announced as %v twice in a row", pair, e.GetLiked())
		}
		liked[pair] = e.GetLiked()
	}
	for pair, want := range liked {
		if n := count(t, b.db, `SELECT count(*) FROM video_like WHERE user_id = $1 AND video_id = $2`, pair[0], pair[1]); (n == 1) != want {
			t.Errorf("like %v: %d rows, last announced as %v", pair, n, want)
		}
	}
}

func TestLikedVideosArePagedMostRecentFirst(t *testing.T) {
	b := setup(t)
	want := []int64{3, 9, 1, 20, 4, 12, 5}
	for _, v := range want {
		b.mustLike(t, alice, v)
		b.mustLike(t, bob, v%5+1)
	}
	slices.Reverse(want)
	var got []int64
	req := &interactionv1.ListLikedVideosRequest{UserId: alice, PageSize: 3}
	for pages := 1; ; pages++ {
		res, err := b.ListLikedVideos(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, res.GetVideoIds()...)
		if req.PageToken = res.GetNextPageToken(); req.PageToken == "" {
			if pages != 3 {
				t.Errorf("7 likes in %d pages of 3", pages)
			}
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLikesAmongVideosAreThoseOfOneUser(t *testing.T) {
	b := setup(t)
	b.mustLike(t, alice, 1)
	b.mustLike(t, alice, 2)
	b.mustLike(t, bob, 3)
	res, err := b.BatchCheckLikes(t.Context(), &interactionv1.BatchCheckLikesRequest{UserId: alice, VideoIds: []int64{2, 3, 4, 2}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{2}, res.GetLikedVideoIds()); diff != "" {
		t.Error(diff)
	}
	_, err = b.BatchCheckLikes(t.Context(), &interactionv1.BatchCheckLikesRequest{UserId: alice, VideoIds: make([]int64, 1001)})
	if e, ok := fault.As(err); !ok || e.Violations()[0].Field != "video_ids" {
		t.Errorf("1001 ids: %v", err)
	}
}

func TestLikingNeedsAViewer(t *testing.T) {
	b := setup(t)
	if _, err := b.LikeVideo(t.Context(), &interactionv1.LikeVideoRequest{VideoId: 1}); fault.CodeOf(err) != fault.LoginRequired().Code() {
		t.Errorf("anonymous like: %v", err)
	}
}

// A plan for each page would cost more than reading the page.
func TestPagesOfManyLikesAreNotPlannedEachTime(t *testing.T) {
	b := setup(t)
	const pages = 30
	for _, fill := range []string{
		`INSERT INTO video_like SELECT 1, n, 1, n FROM generate_series(1, 100000) n`,
		`INSERT INTO video_like SELECT 2 + n % 100, n, 1, n FROM generate_series(1, 3000) n`,
		`ANALYZE video_like`,
	} {
		if _, err := b.db.RW().Exec(t.Context(), fill); err != nil {
			t.Fatal(err)
		}
	}
	for range pages {
		if likes, err := b.store.listLikes(t.Context(), 1, nil, 30); len(likes) != 30 || err != nil {
			t.Fatalf("%d likes, %v", len(likes), err)
		}
	}
	if reused := pgtest.ReusedPlans(t, b.db, "SELECT video_id, created_at FROM video_like%"); reused < pages/2 {
		t.Errorf("%d of %d pages were read by a plan that was there", reused, pages)
	}
}
