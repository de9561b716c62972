package interaction

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/pg"
)

const (
	// maxViews bounds the views of a report.
	maxViews = 50
	// maxWatched bounds how long one view may last.
	maxWatched = 24 * time.Hour
	// maxLoops bounds how often a video may begin again in one view.
	maxLoops = 10_000
	// maxPosition bounds a video's place in a list.
	maxPosition = 1_000_000
	// maxSource and maxSlate bound texts, in characters.
	maxSource, maxSlate = 32, 64
)

// ReportViews implements interactionv1connect.InteractionServiceHandler.
func (s *Service) ReportViews(ctx context.Context, req *interactionv1.ReportViewsRequest) (*interactionv1.ReportViewsResponse, error) {
	ids, err := checkViews(req.GetViews())
	if err != nil {
		return nil, err
	}
	authors, err := s.videos.visible(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("report views: %w", err)
	}
	viewer, _ := auth.ViewerFrom(ctx)
	request, answer := &interactionv1.ReportViewsRequest{}, &interactionv1.ReportViewsResponse{}
	event := &interactionv1.VideosViewed{UserId: viewer.UserID, ReportedAtMs: s.now().UnixMilli()}
	for _, given := range req.GetViews() {
		v := proto.CloneOf(given)
		v.AuthorId = 0
		request.Views = append(request.Views, v)
		if author := authors[v.GetVideoId()]; author != 0 {
			v = proto.CloneOf(v)
			v.AuthorId = author
			event.Views = append(event.Views, v)
		} else if !slices.Contains(answer.GetUnknownVideoIds(), v.GetVideoId()) {
			answer.UnknownVideoIds = append(answer.UnknownVideoIds, v.GetVideoId())
		}
	}
	err = pg.Once(ctx, s.store.db, viewer.UserID, req.GetIdempotencyKey(), request, answer, func(tx pgx.Tx) error {
		if len(event.GetViews()) == 0 {
			return nil
		}
		return outbox.Append(ctx, tx, outbox.Event{Key: event.GetViews()[0].GetVideoId(), Message: event})
	})
	if err != nil {
		return nil, fmt.Errorf("report views: %w", err)
	}
	s.wake()
	return answer, nil
}

// checkViews returns the videos of a report, or what is wrong with it.
func checkViews(views []*interactionv1.View) ([]int64, error) {
	if len(views) < 1 || len(views) > maxViews {
		return nil, fault.Invalid("views", "must have 1 to 50 entries")
	}
	ids := make([]int64, len(views))
	for i, v := range views {
		field := func(name string) string { return fmt.Sprintf("views[%d].%s", i, name) }
		switch {
		case v.GetVideoId() == 0:
			return nil, fault.Invalid(field("video_id"), "is required")
		case v.GetWatchedMs() < 0 || v.GetWatchedMs() > maxWatched.Milliseconds():
			return nil, fault.Invalid(field("watched_ms"), "must be 0 to 86400000")
		case v.GetLoops() < 0 || v.GetLoops() > maxLoops:
			return nil, fault.Invalid(field("loops"), "must be 0 to 10000")
		case v.GetPosition() < 0 || v.GetPosition() > maxPosition:
			return nil, fault.Invalid(field("position"), "must be 0 to 1000000")
		case utf8.RuneCountInString(v.GetSource()) > maxSource:
			return nil, fault.Invalid(field("source"), "must have at most 32 characters")
		case utf8.RuneCountInString(v.GetSlateId()) > maxSlate:
			return nil, fault.Invalid(field("slate_id"), "must have at most 64 characters")
		}
		ids[i] = v.GetVideoId()
	}
	return ids, nil
}
