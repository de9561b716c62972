package interaction

import (
	"testing"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/pg"
)

// Every read may follow the reader's own write, so none asks a replica: this
// one would refuse each connection.
func TestReadsNeedNoReplica(t *testing.T) {
	b := setup(t)
	db, err := pg.Open(t.Context(), pg.Config{
		DSN: infratest.Postgres(t), ReadDSN: "postgres://nobody@127.0.0.1:1/nowhere", Service: b.db.Schema(), MaxConns: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if db.RO().Ping(t.Context()) == nil {
		t.Fatal("there is a replica")
	}
	b.db = db
	s := b.another(t)
	if _, err := s.LikeVideo(as(t, alice), &interactionv1.LikeVideoRequest{VideoId: 5}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateComment(as(t, alice), &interactionv1.CreateCommentRequest{VideoId: 5, Text: "mine"}); err != nil {
		t.Fatal(err)
	}
	liked, err := s.BatchCheckLikes(t.Context(), &interactionv1.BatchCheckLikesRequest{UserId: alice, VideoIds: []int64{5, 6}})
	if err != nil || len(liked.GetLikedVideoIds()) != 1 {
		t.Errorf("likes: %v, %v", liked, err)
	}
	list, err := s.ListLikedVideos(t.Context(), &interactionv1.ListLikedVideosRequest{UserId: alice})
	if err != nil || len(list.GetVideoIds()) != 1 {
		t.Errorf("liked videos: %v, %v", list, err)
	}
	comments, err := s.ListComments(t.Context(), &interactionv1.ListCommentsRequest{VideoId: 5})
	if err != nil || len(comments.GetComments()) != 1 {
		t.Errorf("comments: %v, %v", comments, err)
	}
	if _, err := s.TallyUsers(t.Context(), &interactionv1.TallyUsersRequest{Limit: 1}); err != nil {
		t.Errorf("tally: %v", err)
	}
}
