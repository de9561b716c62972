package interaction

import (
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/services/platform/fault"
)

func TestViewsAreAnnouncedOncePerKey(t *testing.T) {
	b := setup(t)
	b.videos.seenBy[7] = bob
	report := &interactionv1.ReportViewsRequest{IdempotencyKey: "k", Views: []*interactionv1.View{
		{VideoId: 3, WatchedMs: 1500, Loops: 2, Source: "feed", Position: 4, SlateId: "s", AuthorId: 1},
		{VideoId: 7}, {VideoId: 21}, {VideoId: 3}, // one that alice may not see, and one that does not exist
	}}
	for range 2 {
		answer, err := b.ReportViews(as(t, alice), report)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]int64{7, 21}, answer.GetUnknownVideoIds()); diff != "" {
			t.Errorf("unknown (-want +got):\n%s", diff)
		}
	}
	other := &interactionv1.ReportViewsRequest{IdempotencyKey: "k", Views: report.GetViews()[:1]}
	if _, err := b.ReportViews(as(t, alice), other); err == nil || fault.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("the same key with another report: %v", err)
	}
	for _, views := range [][]*interactionv1.View{{{VideoId: 7}}, {{VideoId: -1}}, {{VideoId: 5}}} {
		if _, err := b.ReportViews(t.Context(), &interactionv1.ReportViewsRequest{Views: views}); err != nil {
			t.Errorf("%v of a guest: %v", views, err)
		}
	}
	if _, err := b.ReportViews(as(t, bob), &interactionv1.ReportViewsRequest{Views: []*interactionv1.View{{VideoId: 7}}}); err != nil {
		t.Error(err)
	}
	want := []*interactionv1.VideosViewed{
		{UserId: alice, Views: []*interactionv1.View{
			{VideoId: 3, AuthorId: author, WatchedMs: 1500, Loops: 2, Source: "feed", Position: 4, SlateId: "s"}, {VideoId: 3, AuthorId: author},
		}},
		{Views: []*interactionv1.View{{VideoId: 5, AuthorId: author}}},
		{UserId: bob, Views: []*interactionv1.View{{VideoId: 7, AuthorId: author}}},
	}
	got := announcedEvents(t, b.db, &interactionv1.VideosViewed{})
	if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreFields(&interactionv1.VideosViewed{}, "reported_at_ms")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestViewsAreRefusedByName(t *testing.T) {
	b := setup(t)
	many := make([]*interactionv1.View, 51)
	for i := range many {
		many[i] = &interactionv1.View{VideoId: 1}
	}
	for field, views := range map[string][]*interactionv1.View{
		"views": many, "views[1].video_id": {{VideoId: 1}, {}}, "views[0].watched_ms": {{VideoId: 1, WatchedMs: -1}}, "views[1].watched_ms": {{VideoId: 1}, {VideoId: 1, WatchedMs: 86_400_001}},
		"views[0].loops": {{VideoId: 1, Loops: 10_001}}, "views[0].position": {{VideoId: 1, Position: -1}},
		"views[0].source": {{VideoId: 1, Source: strings.Repeat("字", 33)}}, "views[0].slate_id": {{VideoId: 1, SlateId: strings.Repeat("s", 65)}},
	} {
		_, err := b.ReportViews(as(t, alice), &interactionv1.ReportViewsRequest{Views: views})
		if f, ok := fault.As(err); !ok || len(f.Violations()) != 1 || f.Violations()[0].Field != field {
			t.Errorf("%s: %v", field, fmt.Sprint(err))
		}
	}
	if _, err := b.ReportViews(as(t, alice), &interactionv1.ReportViewsRequest{}); err == nil {
		t.Error("a report of nothing was taken")
	}
	if _, err := b.ReportViews(as(t, alice), &interactionv1.ReportViewsRequest{Views: many[:50]}); err != nil {
		t.Errorf("50 views: %v", err)
	}
}
