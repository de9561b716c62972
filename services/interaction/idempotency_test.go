package interaction

import (
	"testing"

	"connectrpc.com/connect"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/services/platform/fault"
)

func TestToggleWithAKeyIsDoneOnce(t *testing.T) {
	b := setup(t)
	like := &interactionv1.LikeVideoRequest{VideoId: 5, IdempotencyKey: "like"}
	unlike := &interactionv1.UnlikeVideoRequest{VideoId: 5, IdempotencyKey: "unlike"}
	for range 2 {
		if _, err := b.LikeVideo(as(t, alice), like); err != nil {
			t.Fatal(err)
		}
	}
	b.mustUnlike(t, alice, 5)
	if _, err := b.LikeVideo(as(t, alice), like); err != nil {
		t.Fatal(err)
	}
	if n := count(t, b.db, `SELECT count(*) FROM video_like`); n != 0 {
		t.Error("a repeated like was done again")
	}
	b.mustLike(t, alice, 5)
	for range 2 {
		if _, err := b.UnlikeVideo(as(t, alice), unlike); err != nil {
			t.Fatal(err)
		}
	}
	b.mustLike(t, alice, 5)
	// The answer outlives its video.
	b.videos.set(5, false)
	b.Service.videos.forget(5)
	if _, err := b.UnlikeVideo(as(t, alice), unlike); err != nil {
		t.Error(err)
	}
	if n := count(t, b.db, `SELECT count(*) FROM video_like`); n != 1 {
		t.Error("a repeated unlike was done again")
	}
	if n := len(announcedEvents(t, b.db, &interactionv1.LikeChanged{})); n != 5 {
		t.Errorf("%d events for 5 changes", n)
	}
	for _, other := range []*interactionv1.LikeVideoRequest{
		{VideoId: 6, IdempotencyKey: "like"}, {VideoId: 5, IdempotencyKey: "unlike"}, {VideoId: 6, IdempotencyKey: "\x00"},
	} {
		_, err := b.LikeVideo(as(t, alice), other)
		if f, _ := fault.As(err); f == nil || f.Code() != connect.CodeInvalidArgument || f.Violations()[0].Field != "idempotency_key" {
			t.Errorf("%v: %v", other, err)
		}
	}
	_, err := b.LikeVideo(as(t, bob), &interactionv1.LikeVideoRequest{VideoId: 5, IdempotencyKey: "like"})
	if !fault.HasReason(err, interactionv1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND) {
		t.Errorf("another's key on a video that is gone: %v", err)
	}
}

func TestDeletionWithAKeyIsAnsweredAgainAndLeavesNoText(t *testing.T) {
	b := setup(t)
	made, err := b.CreateComment(as(t, alice), &interactionv1.CreateCommentRequest{VideoId: 5, Text: "a canary", IdempotencyKey: "create"})
	if err != nil {
		t.Fatal(err)
	}
	remove := &interactionv1.DeleteCommentRequest{VideoId: 5, CommentId: made.GetComment().GetId(), IdempotencyKey: "delete"}
	for range 2 {
		if _, err := b.DeleteComment(as(t, alice), remove); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, b.db, `SELECT count(*) FROM idempotency WHERE position('canary'::bytea IN answer) > 0`); n != 0 {
		t.Error("the text of a deleted comment is kept")
	}
	if n := count(t, b.db, `SELECT count(*) FROM idempotency`); n != 2 {
		t.Errorf("%d keys", n)
	}
	remove.IdempotencyKey = "again"
	if _, err := b.DeleteComment(as(t, alice), remove); !fault.HasReason(err, interactionv1.ErrorReason_ERROR_REASON_COMMENT_NOT_FOUND) {
		t.Errorf("deleted twice: %v", err)
	}
}
