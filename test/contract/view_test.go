package contract_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/test/harness"
)

const viewPath = "/douyin/video/view/"

// viewCount is how often a video was viewed, as anybody sees it.
func viewCount(t *testing.T, id int64) int64 {
	t.Helper()
	var answer struct {
		Video struct {
			ViewCount int64 `json:"view_count"`
		}
	}
	decode(t, anonymous().mustGet(t, "/douyin/video/", "video_id", text(id)), &answer)
	return answer.Video.ViewCount
}

// unknownVideos are the videos that an answer to a report names.
func unknownVideos(t *testing.T, a *harness.Answer) []int64 {
	t.Helper()
	var answer struct {
		UnknownVideoIDs []int64 `json:"unknown_video_ids"`
	}
	decode(t, accepted(t, a), &answer)
	return answer.UnknownVideoIDs
}

// oneView is a report of one view as the text of a parameter.
func oneView(id int64) string { return fmt.Sprintf(`[{"video_id":%d}]`, id) }

func TestViewsAreCountedOncePerReport(t *testing.T) {
	t.Parallel()
	all := people(t, 2)
	author, viewer := all[0], all[1]
	seen, hidden := author.publish(t).ID, author.publish(t).ID
	author.mustPost(t, "/douyin/publish/edit/", "video_id", text(hidden), "visibility", "private")
	const none = 987654321
	views := fmt.Sprintf(`[{"video_id": %d, "watched_ms": 2500, "loops": 1, "source": "feed", "position": 3, "slate_id": "s", "later": {}},
		{"video_id": "%d"}, {"video_id": %d}, {"video_id": %d}]`, seen, seen, hidden, none)
	keyed := harness.Call{Path: viewPath, Raw: []byte(`{"views": ` + views + `}`), Header: http.Header{
		"Content-Type": {"application/json"}, "Idempotency-Key": {rand.Text()},
	}}
	for range 3 {
		if got := unknownVideos(t, viewer.do(t, keyed)); !slices.Equal(got, []int64{hidden, none}) {
			t.Errorf("unknown are %v, want %v", got, []int64{hidden, none})
		}
	}
	for _, call := range []harness.Call{ // a guest's, wherever parameters may be; the last is counted last
		{Path: viewPath, Method: http.MethodPost, Query: harness.Values("views", oneView(seen))},
		{Path: viewPath, Form: harness.Values("views", oneView(seen))},
		{Path: viewPath, JSON: map[string]any{"views": []any{map[string]any{"video_id": seen, "later": true}}}},
	} {
		if got := unknownVideos(t, anonymous().do(t, call)); len(got) != 0 {
			t.Errorf("unknown to a guest are %v", got)
		}
	}
	harness.Eventually(t, harness.CatchUp, func() error {
		if got := viewCount(t, seen); got < 5 {
			return fmt.Errorf("view_count is %d, want 5", got)
		}
		return nil
	})
	if got := viewCount(t, seen); got != 5 {
		t.Errorf("view_count is %d, want 5: two of the report that came three times, and three of guests", got)
	}
	// The events of a video are counted in order, so the next shows that nothing of the hidden one was counted before.
	author.mustPost(t, "/douyin/publish/edit/", "video_id", text(hidden), "visibility", "public")
	harness.Eventually(t, harness.CatchUp, func() error {
		if got := unknownVideos(t, viewer.post(t, viewPath, "views", oneView(hidden))); len(got) > 0 {
			return fmt.Errorf("still unknown: %v", got)
		}
		return nil
	})
	harness.Eventually(t, harness.CatchUp, func() error {
		if got := viewCount(t, hidden); got != 1 {
			return fmt.Errorf("view_count is %d, want 1", got)
		}
		return nil
	})
}

func TestReportsOfViewsAreRefusedByName(t *testing.T) {
	t.Parallel()
	id := theStage(t).crowded.ID
	entry := func(fields string) string { return fmt.Sprintf(`[{"video_id": %d, %s}]`, id, fields) }
	for views, field := range map[string]string{
		"": "views", "[]": "views", "7": "views", "{}": "views", "[{}] []": "views", "[{}": "views",
		"[" + strings.Repeat("{},", 64) + "{}]": "views",
		"[7]":                                   "views[0]", `[{"video_id":"x"}]`: "views[0]",
		"[{}]": "views[0].video_id", entry(`"watched_ms": 86400001`): "views[0].watched_ms", entry(`"loops": -1`): "views[0].loops",
		entry(`"source": "` + strings.Repeat("s", 33) + `"`):            "views[0].source",
		"[" + strings.Repeat(`{"video_id":1},`, 50) + `{"video_id":1}]`: "views",
	} {
		answer := anonymous().post(t, viewPath, "views", views)
		refused(t, answer, 40002)
		if !strings.HasPrefix(answer.Message(), field+" ") {
			t.Errorf("%.40s: want %s named, got %q", views, field, answer.Message())
		}
	}
}

func TestViewsAreReportedOverEveryProtocol(t *testing.T) {
	t.Parallel()
	id := newPerson(t).publish(t).ID
	t.Run("report", func(t *testing.T) { // ends when all of them have reported
		everyProtocol(t, func(t *testing.T, p protocol) {
			answer := must[*apiv1.ReportViewsResponse](t)(p.as("").video.ReportViews(t.Context(), &apiv1.ReportViewsRequest{
				Views: []*apiv1.View{{VideoId: id, WatchedMs: 1000}, {VideoId: 987654321}},
			}))
			if want := (&apiv1.ReportViewsResponse{UnknownVideoIds: []int64{987654321}}); !proto.Equal(want, answer) {
				t.Errorf("got %v, want %v", answer, want)
			}
		})
	})
	harness.Eventually(t, harness.CatchUp, func() error {
		if got, want := viewCount(t, id), int64(len(protocols())); got != want {
			return fmt.Errorf("view_count is %d, want %d", got, want)
		}
		return nil
	})
}
