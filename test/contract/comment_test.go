package contract_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"douyin.dev/test/harness"
)

// commentCount waits until both places that count comments say a number.
func commentCount(t *testing.T, author *person, video, want int64) {
	t.Helper()
	harness.Eventually(t, harness.CatchUp, func() error {
		var answer struct {
			CommentCount int64 `json:"comment_count"`
		}
		decode(t, author.mustGet(t, "/douyin/comment/count/", "video_id", text(video)), &answer)
		if answer.CommentCount != want {
			return fmt.Errorf("comment/count is %d, want %d", answer.CommentCount, want)
		}
		for _, v := range author.published(t) {
			if v.ID == video && v.CommentCount != want {
				return fmt.Errorf("comment_count of the video is %d, want %d", v.CommentCount, want)
			}
		}
		return nil
	})
}

func (p *person) deleteComment(t testing.TB, video, comment int64) *harness.Answer {
	t.Helper()
	return p.post(t, "/douyin/comment/action/", "video_id", text(video), "action_type", "2", "comment_id", text(comment))
}

func TestCommentIsAnsweredAndListedAtOnce(t *testing.T) {
	t.Parallel()
	all := people(t, 2)
	author, reader := all[0], all[1]
	video := author.publish(t)
	made := reader.comment(t, video.ID, "  说得好 <b>&amp;</b>\n🙂  ")
	if made.Content != "说得好 <b>&amp;</b>\n🙂" || made.User.ID != reader.id || made.User.Name != reader.name {
		t.Errorf("got %+v", made)
	}
	listed := author.comments(t, video.ID)
	if len(listed) != 1 || listed[0].ID != made.ID || listed[0].Content != made.Content || listed[0].CreateDate != made.CreateDate {
		t.Errorf("listed %+v, want %+v", listed, made)
	}
	commentCount(t, author, video.ID, 1)
}

func TestCommentDateIsMonthAndDayInShanghai(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("Asia/Shanghai", 8*60*60) // no summer time since 1991
	s := theStage(t)
	at := time.UnixMilli(s.comment.CreateTime).In(zone)
	if s.comment.CreateTime == 0 {
		at = time.Now().In(zone)
	}
	if want := at.Format("01-02"); s.comment.CreateDate != want {
		t.Errorf("create_date is %q, want %q", s.comment.CreateDate, want)
	}
}

func TestCommentsAreNewestFirst(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	video := p.publish(t)
	var want []int64
	for i := range 5 {
		want = append([]int64{p.comment(t, video.ID, fmt.Sprint(i)).ID}, want...)
	}
	if got := ids(t, anonymous().mustGet(t, "/douyin/comment/list/", "video_id", text(video.ID)), "comment_list"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCommentHas1To1000CharactersAfterTrimming(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	video := text(p.publish(t).ID)
	for content, ok := range map[string]bool{
		"":                                     false,
		" \t\n　 ":                              false,
		"x":                                    true,
		strings.Repeat("评", 999):               true,
		strings.Repeat("评", 1000):              true,
		strings.Repeat("评", 1001):              false,
		" " + strings.Repeat("评", 1000) + "\n": true,
		strings.Repeat("🙂", 1000):              true,
	} {
		answer := p.post(t, "/douyin/comment/action/", "video_id", video, "action_type", "1", "comment_text", content)
		if ok {
			accepted(t, answer)
			continue
		}
		refused(t, answer, 40002)
		if !strings.Contains(answer.Message(), "comment_text") {
			t.Errorf("the message does not name comment_text: %s", answer)
		}
		zeroKeys(t, route{zero: map[string]string{"comment": "null"}}, answer)
	}
}

func TestCommentIsDeletedByItsAuthorOrTheVideosAuthor(t *testing.T) {
	t.Parallel()
	all := people(t, 3)
	author, reader, stranger := all[0], all[1], all[2]
	video := author.publish(t)
	first, second := reader.comment(t, video.ID, "first"), reader.comment(t, video.ID, "second")

	refused(t, stranger.deleteComment(t, video.ID, first.ID), 10005)
	for caller, comment := range map[*person]int64{reader: first.ID, author: second.ID} {
		answer := accepted(t, caller.deleteComment(t, video.ID, comment))
		if value, ok := answer.Fields["comment"]; !ok || value != nil {
			t.Errorf("comment is %v, want null", value)
		}
		refused(t, caller.deleteComment(t, video.ID, comment), 10017)
	}
	if got := author.comments(t, video.ID); len(got) != 0 {
		t.Errorf("still listed: %+v", got)
	}
	commentCount(t, author, video.ID, 0)
}

func TestCommentIsDeletedOnlyOnItsVideo(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	first, second := p.publish(t), p.publish(t)
	comment := p.comment(t, first.ID, "here")
	refused(t, p.deleteComment(t, second.ID, comment.ID), 10017)
	refused(t, p.deleteComment(t, first.ID, 987654321), 10017)
	if got := p.comments(t, first.ID); len(got) != 1 {
		t.Errorf("got %+v, want the one comment", got)
	}
}

func TestCommentsOfAnUnknownVideoAreRefused(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	refused(t, p.post(t, "/douyin/comment/action/", "video_id", "987654321", "action_type", "1", "comment_text", "x"), 10016)
	refused(t, p.get(t, "/douyin/comment/list/", "video_id", "987654321"), 10016)
	refused(t, p.deleteComment(t, 987654321, 987654321), 10016, 10017)
}

func TestDeletedAndNewCommentsAreCounted(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	video := p.publish(t)
	for i := range 6 {
		comment := p.comment(t, video.ID, fmt.Sprint(i))
		if i%2 == 0 {
			accepted(t, p.deleteComment(t, video.ID, comment.ID))
		}
	}
	commentCount(t, p, video.ID, 3)
}
