package interaction

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/services/platform/fault"
)

// announce empties the outbox, as the relay does.
func (b *bundle) announce(t *testing.T) {
	t.Helper()
	if _, err := b.db.RW().Exec(t.Context(), `DELETE FROM outbox`); err != nil {
		t.Fatal(err)
	}
}

func (b *bundle) tallyVideos(t *testing.T, after int64, limit int32) *interactionv1.TallyVideosResponse {
	t.Helper()
	res, err := b.TallyVideos(t.Context(), &interactionv1.TallyVideosRequest{AfterId: after, Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func (b *bundle) tallyUsers(t *testing.T, after int64, limit int32) *interactionv1.TallyUsersResponse {
	t.Helper()
	res, err := b.TallyUsers(t.Context(), &interactionv1.TallyUsersRequest{AfterId: after, Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// A tally counts what is there, in the order of ids, and says of whom nobody
// can have heard all: also of those who have nothing left.
func TestTallyCountsRowsAndNamesTheUnannounced(t *testing.T) {
	b := setup(t)
	b.mustLike(t, alice, 5)
	b.mustLike(t, bob, 5)
	b.mustLike(t, alice, 7)
	b.mustComment(t, alice, 6, "a")
	b.mustComment(t, bob, 6, "b")
	b.announce(t)
	b.mustUnlike(t, alice, 7)
	b.mustComment(t, bob, 9, "c")

	videos := &interactionv1.TallyVideosResponse{
		Tallies: []*interactionv1.VideoTally{
			{VideoId: 5, FavoriteCount: 2}, {VideoId: 6, CommentCount: 2}, {VideoId: 9, CommentCount: 1},
		},
		UnannouncedIds: []int64{7, 9},
	}
	if diff := cmp.Diff(videos, b.tallyVideos(t, 0, 10), protocmp.Transform()); diff != "" {
		t.Error("videos (-want +got)", diff)
	}
	users := &interactionv1.TallyUsersResponse{
		Tallies: []*interactionv1.UserTally{
			{UserId: alice, FavoriteCount: 1}, {UserId: bob, FavoriteCount: 1}, {UserId: author, TotalFavorited: 2},
		},
		UnannouncedIds: []int64{alice, author},
	}
	if diff := cmp.Diff(users, b.tallyUsers(t, 0, 10), protocmp.Transform()); diff != "" {
		t.Error("users (-want +got)", diff)
	}
	b.announce(t)
	var ids []int64
	for after := int64(0); ; {
		res := b.tallyVideos(t, after, 2)
		for _, v := range res.GetTallies() {
			after = v.GetVideoId()
			ids = append(ids, after)
		}
		if len(res.GetUnannouncedIds()) != 0 {
			t.Errorf("unannounced at rest: %v", res.GetUnannouncedIds())
		}
		if len(res.GetTallies()) < 2 {
			break
		}
	}
	if diff := cmp.Diff([]int64{5, 6, 9}, ids); diff != "" {
		t.Error("in slices (-want +got)", diff)
	}
}

func TestTallyLimits(t *testing.T) {
	b := setup(t)
	for limit, good := range map[int32]bool{-1: false, 0: false, 1: true, 1000: true, 1001: false} {
		_, videoErr := b.TallyVideos(t.Context(), &interactionv1.TallyVideosRequest{Limit: limit})
		_, userErr := b.TallyUsers(t.Context(), &interactionv1.TallyUsersRequest{Limit: limit})
		for _, err := range []error{videoErr, userErr} {
			e, refused := fault.As(err)
			if refused == good || !good && e.Violations()[0].Field != "limit" {
				t.Errorf("limit %d: %v", limit, err)
			}
		}
	}
}
