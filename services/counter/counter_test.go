package counter

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	counterv1 "douyin.dev/gen/douyin/counter/v1"
	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	relationv1 "douyin.dev/gen/douyin/relation/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/fault"
)

func TestEventsAreCounted(t *testing.T) {
	const public, private = videov1.Visibility_VISIBILITY_PUBLIC, videov1.Visibility_VISIBILITY_PRIVATE
	b := setup(t)
	b.mustApply(t, messagesOf(t, "a",
		&videov1.VideoChanged{VideoId: 5, AuthorId: 9, State: videov1.VideoState_VIDEO_STATE_PUBLISHED},
		&videov1.VideoChanged{VideoId: 6, AuthorId: 9, State: videov1.VideoState_VIDEO_STATE_PUBLISHED},
		&videov1.VideoChanged{VideoId: 6, AuthorId: 9, State: videov1.VideoState_VIDEO_STATE_DELETED},
		// Private videos are no works; one that was shown and hidden counts to nothing, however it ends.
		&videov1.VideoChanged{VideoId: 7, AuthorId: 9, State: videov1.VideoState_VIDEO_STATE_PUBLISHED, Visibility: private},
		&videov1.VideoChanged{VideoId: 7, AuthorId: 9, State: videov1.VideoState_VIDEO_STATE_EDITED, Visibility: public, PreviousVisibility: private},
		&videov1.VideoChanged{VideoId: 7, AuthorId: 9, State: videov1.VideoState_VIDEO_STATE_EDITED, Visibility: public, PreviousVisibility: public},
		&videov1.VideoChanged{VideoId: 7, AuthorId: 9, State: videov1.VideoState_VIDEO_STATE_EDITED, Visibility: private, PreviousVisibility: public},
		&videov1.VideoChanged{VideoId: 7, AuthorId: 9, State: videov1.VideoState_VIDEO_STATE_DELETED, Visibility: private},
		&interactionv1.LikeChanged{UserId: 1, VideoId: 5, AuthorId: 9, Liked: true},
		&interactionv1.LikeChanged{UserId: 2, VideoId: 5, AuthorId: 9, Liked: true},
		&interactionv1.LikeChanged{UserId: 2, VideoId: 5, AuthorId: 9},
		&interactionv1.CommentChanged{CommentId: 1, VideoId: 5, UserId: 1, Present: true},
		&interactionv1.CommentChanged{CommentId: 2, VideoId: 5, UserId: 1, Present: true},
		&interactionv1.VideosViewed{UserId: 1, Views: []*interactionv1.View{{VideoId: 5, WatchedMs: 1}, {VideoId: 8}, {VideoId: 5}}},
		&relationv1.FollowChanged{FollowerId: 1, FolloweeId: 9, Following: true},
		&relationv1.FollowChanged{FollowerId: 9, FolloweeId: 9, Following: true}, // both sides of one row
	))
	b.mustApply(t, messagesOf(t, "b", &relationv1.FollowChanged{FollowerId: 9, FolloweeId: 9}))

	videos, err := b.BatchGetVideoCounts(t.Context(), &counterv1.BatchGetVideoCountsRequest{VideoIds: []int64{5, 404, 5, 8}})
	if err != nil {
		t.Fatal(err)
	}
	wantVideos := []*counterv1.VideoCounts{
		{VideoId: 5, FavoriteCount: 1, CommentCount: 2, ViewCount: 2, Version: 2}, {VideoId: 8, ViewCount: 1, Version: 1}, {VideoId: 404},
	}
	if diff := cmp.Diff(wantVideos, videos.GetCounts(), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	users, err := b.BatchGetUserCounts(t.Context(), &counterv1.BatchGetUserCountsRequest{UserIds: []int64{1, 2, 9}})
	if err != nil {
		t.Fatal(err)
	}
	wantUsers := []*counterv1.UserCounts{
		{UserId: 1, FollowCount: 1, FavoriteCount: 1, Version: 1},
		{UserId: 2, Version: 1}, // came and went
		{UserId: 9, FollowerCount: 1, TotalFavorited: 1, WorkCount: 1, Version: 2},
	}
	if diff := cmp.Diff(wantUsers, users.GetCounts(), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestTooManyIdsAreRefusedByName(t *testing.T) {
	t.Parallel()
	s := New(nil) // refused before the database is asked
	_, videoErr := s.BatchGetVideoCounts(t.Context(), &counterv1.BatchGetVideoCountsRequest{VideoIds: make([]int64, 1001)})
	_, userErr := s.BatchGetUserCounts(t.Context(), &counterv1.BatchGetUserCountsRequest{UserIds: make([]int64, 1001)})
	for field, err := range map[string]error{"video_ids": videoErr, "user_ids": userErr} {
		if e, ok := fault.As(err); !ok || e.Violations()[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestDuplicatesInABatchCountOnce(t *testing.T) {
	b := setup(t)
	like := messagesOf(t, "a", &interactionv1.LikeChanged{UserId: 1, VideoId: 5, AuthorId: 9, Liked: true})
	b.mustApply(t, append(like, like...))
	b.mustApply(t, like)
	videos, _ := b.rows(t)
	if diff := cmp.Diff(map[int64]videoCount{5: {VideoID: 5, Favorites: 1, Version: 1}}, videos); diff != "" {
		t.Error(diff)
	}
}

func TestPoisonChangesNothing(t *testing.T) {
	b := setup(t)
	good := messageOf(t, "good", &interactionv1.LikeChanged{UserId: 1, VideoId: 5, AuthorId: 9, Liked: true})
	unreadable, foreign, anonymous := good, good, good
	unreadable.Value, unreadable.Headers = []byte{0xff}, map[string]string{bus.HeaderEventID: "unreadable"}
	foreign.Topic, foreign.Headers = "elsewhere", map[string]string{bus.HeaderEventID: "foreign"}
	anonymous.Headers = nil
	for name, bad := range map[string]bus.Message{
		"unreadable": unreadable, "foreign topic": foreign, "no event id": anonymous,
		"no author":     messageOf(t, "1", &interactionv1.LikeChanged{UserId: 1, VideoId: 5}),
		"no video":      messageOf(t, "2", &interactionv1.CommentChanged{}),
		"no followee":   messageOf(t, "3", &relationv1.FollowChanged{FollowerId: 1}),
		"unknown state": messageOf(t, "4", &videov1.VideoChanged{VideoId: 1, AuthorId: 9}),
	} {
		if err := b.Apply(t.Context(), []bus.Message{good, bad}); !bus.IsPoison(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if videos, users := b.rows(t); len(videos)+len(users) != 0 {
		t.Errorf("refused batches left %v and %v", videos, users)
	}
	b.mustApply(t, []bus.Message{good}) // nothing of it was recorded
	if videos, _ := b.rows(t); videos[5].Favorites != 1 {
		t.Errorf("counted %v", videos[5])
	}
}

// A batch costs one change of a row, however many events it has.
func TestHotVideoChangesOneRowPerBatch(t *testing.T) {
	b := setup(t)
	var likes []proto.Message
	for user := range int64(500) {
		likes = append(likes, &interactionv1.LikeChanged{UserId: user + 1, VideoId: 5, AuthorId: 999, Liked: true})
	}
	b.mustApply(t, messagesOf(t, "a", likes...))
	videos, users := b.rows(t)
	if want := (videoCount{VideoID: 5, Favorites: 500, Version: 1}); videos[5] != want {
		t.Errorf("got %+v, want %+v", videos[5], want)
	}
	if want := (userCount{UserID: 999, Favorited: 500, Version: 1}); users[999] != want {
		t.Errorf("got %+v, want %+v", users[999], want)
	}
}
