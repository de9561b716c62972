package interaction

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/services/platform/fault"
)

func TestCommentTextIsTrimmedAndBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text, want string
		refused    bool
	}{
		"plain":            {text: "hi", want: "hi"},
		"trimmed":          {text: " \n\u3000hi\t", want: "hi"},
		"characters":       {text: strings.Repeat("评", 1000), want: strings.Repeat("评", 1000)},
		"bounded trimmed":  {text: " " + strings.Repeat("a", 1000) + " ", want: strings.Repeat("a", 1000)},
		"empty":            {text: "", refused: true},
		"only space":       {text: " \n ", refused: true},
		"too long":         {text: strings.Repeat("评", 1001), refused: true},
		"invalid encoding": {text: "a\xffb", refused: true},
		"nul":              {text: "a\x00b", refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := commentText(c.text)
			if c.refused {
				if e, ok := fault.As(err); !ok || e.Violations()[0].Field != "comment_text" {
					t.Errorf("got %q, %v", got, err)
				}
				return
			}
			if err != nil || got != c.want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestCommentsAreListedNewestFirst(t *testing.T) {
	b := setup(t)
	var want []*interactionv1.Comment
	for i := range 7 {
		want = append(want, b.mustComment(t, alice+int64(i%2), 5, fmt.Sprintf("comment %d", i)))
	}
	b.mustComment(t, alice, 6, "elsewhere")
	slices.Reverse(want)
	var got []*interactionv1.Comment
	req := &interactionv1.ListCommentsRequest{VideoId: 5, PageSize: 3}
	for {
		res, err := b.ListComments(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, res.GetComments()...)
		if req.PageToken = res.GetNextPageToken(); req.PageToken == "" {
			break
		}
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestCommentsThatArriveTogetherEachGetTheirOwnAnswer(t *testing.T) {
	b := setup(t)
	var mu sync.Mutex
	answers := map[int64]string{}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			text := fmt.Sprintf("comment %d", i)
			res, err := b.CreateComment(as(t, int64(i+1)), &interactionv1.CreateCommentRequest{VideoId: 1 + int64(i%3), Text: text})
			if err != nil || res.GetComment().GetText() != text || res.GetComment().GetUserId() != int64(i+1) {
				t.Errorf("comment %d: %v, %v", i, res, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			answers[res.GetComment().GetId()] = text
		})
	}
	wg.Wait()
	if n := count(t, b.db, `SELECT count(*) FROM comment`); n != 100 || len(answers) != 100 {
		t.Errorf("%d rows and %d ids for 100 comments", n, len(answers))
	}
	if n := len(announcedEvents(t, b.db, &interactionv1.CommentChanged{})); n != 100 {
		t.Errorf("%d events for 100 comments", n)
	}
}

func TestCommentWithAKeyIsCreatedOnce(t *testing.T) {
	b := setup(t)
	req := &interactionv1.CreateCommentRequest{VideoId: 5, Text: " once ", IdempotencyKey: "k"}
	first, err := b.CreateComment(as(t, alice), req)
	if err != nil {
		t.Fatal(err)
	}
	// The answer outlives its video.
	b.videos.set(5, false)
	b.Service.videos.forget(5)
	again, err := b.CreateComment(as(t, alice), req)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	_, err = b.CreateComment(as(t, alice), &interactionv1.CreateCommentRequest{VideoId: 5, Text: "other", IdempotencyKey: "k"})
	if e, ok := fault.As(err); !ok || e.Code() != connect.CodeInvalidArgument {
		t.Errorf("same key, other text: %v", err)
	}
	_, err = b.CreateComment(as(t, bob), &interactionv1.CreateCommentRequest{VideoId: 5, Text: "once", IdempotencyKey: "k"})
	if !fault.HasReason(err, interactionv1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND) {
		t.Errorf("another's key on a video that is gone: %v", err)
	}
	if n := len(announcedEvents(t, b.db, &interactionv1.CommentChanged{})); n != 1 {
		t.Errorf("%d events for one comment", n)
	}
}

func TestCommentIsDeletedByItsAuthorOrTheVideos(t *testing.T) {
	b := setup(t)
	gone := interactionv1.ErrorReason_ERROR_REASON_COMMENT_NOT_FOUND
	remove := func(user, video, comment int64) error {
		_, err := b.DeleteComment(as(t, user), &interactionv1.DeleteCommentRequest{VideoId: video, CommentId: comment})
		return err
	}
	own, others := b.mustComment(t, alice, 5, "own").GetId(), b.mustComment(t, alice, 5, "others").GetId()
	if err := remove(bob, 5, own); fault.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("by a stranger: %v", err)
	}
	if err := remove(alice, 6, own); !fault.HasReason(err, gone) {
		t.Errorf("at another video: %v", err)
	}
	if err := remove(alice, 5, own); err != nil {
		t.Errorf("by its author: %v", err)
	}
	if err := remove(author, 5, others); err != nil {
		t.Errorf("by the video's author: %v", err)
	}
	if err := remove(alice, 5, own); !fault.HasReason(err, gone) {
		t.Errorf("twice: %v", err)
	}
	want := []*interactionv1.CommentChanged{
		{CommentId: own, VideoId: 5, UserId: alice, Present: true},
		{CommentId: others, VideoId: 5, UserId: alice, Present: true},
		{CommentId: own, VideoId: 5, UserId: alice},
		{CommentId: others, VideoId: 5, UserId: alice},
	}
	if diff := cmp.Diff(want, announcedEvents(t, b.db, &interactionv1.CommentChanged{}), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

// What a comment says is remembered, which comments there are is not: whoever
// lists sees what was written and deleted before, through any instance.
func TestListsShowWhatOtherInstancesDid(t *testing.T) {
	b := setup(t)
	other := b.another(t)
	var writing sync.WaitGroup
	for worker := range 8 {
		writing.Go(func() {
			video := int64(1 + worker%2)
			for i := range 10 {
				c := b.mustComment(t, alice, video, fmt.Sprintf("comment %d of %d", i, worker))
				if listed := listedBy(t, other, video); listed[c.GetId()] != c.GetText() {
					t.Errorf("comment %d is listed as %q", c.GetId(), listed[c.GetId()])
				}
				req := &interactionv1.DeleteCommentRequest{VideoId: video, CommentId: c.GetId()}
				if _, err := b.DeleteComment(as(t, alice), req); err != nil {
					t.Error(err)
				}
				if _, listed := listedBy(t, other, video)[c.GetId()]; listed {
					t.Error("a deleted comment is listed")
				}
			}
		})
	}
	writing.Wait()
}

// listedBy returns the texts of a video's comments as an instance lists them.
func listedBy(t *testing.T, s *Service, video int64) map[int64]string {
	t.Helper()
	res, err := s.ListComments(t.Context(), &interactionv1.ListCommentsRequest{VideoId: video, PageSize: 1000})
	if err != nil {
		t.Error(err)
	}
	texts := map[int64]string{}
	for _, c := range res.GetComments() {
		texts[c.GetId()] = c.GetText()
	}
	return texts
}

func TestARememberedTextHoldsNothingElseInMemory(t *testing.T) {
	t.Parallel()
	request := "token=secret&comment_text=nice"
	text, err := commentText(request[len(request)-len("nice"):])
	if err != nil || text != "nice" {
		t.Fatalf("%q, %v", text, err)
	}
	if unsafe.StringData(text) == unsafe.StringData(request[len(request)-len("nice"):]) {
		t.Error("the text is a piece of the request")
	}
}
