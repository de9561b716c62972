package video

import (
	"cmp"
	"context"
	"math"
	"slices"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/page"
)

const (
	maxBatch   = 1000
	maxPage    = 1000
	maxAuthors = 10000
	// maxTogether is one more than a feed holds, so that a caller sees whether it is full.
	maxTogether = 1001
	defaultPage = 30
)

// BatchGetVideos implements VideoService.
func (s *Service) BatchGetVideos(ctx context.Context, req *videov1.BatchGetVideosRequest) (*videov1.BatchGetVideosResponse, error) {
	ids := distinct(req.GetIds())
	if len(ids) > maxBatch {
		return nil, fault.Invalid("ids", "must be at most 1000")
	}
	if len(ids) == 0 {
		return &videov1.BatchGetVideosResponse{}, nil
	}
	read := s.cardsOf
	if req.GetFresh() {
		read = s.byIDs
	}
	videos, err := read(ctx, ids)
	if err != nil {
		return nil, err
	}
	return &videov1.BatchGetVideosResponse{Videos: videos}, nil
}

// ListRecentVideos implements VideoService.
func (s *Service) ListRecentVideos(ctx context.Context, req *videov1.ListRecentVideosRequest) (*videov1.ListRecentVideosResponse, error) {
	size, err := page.Size("page_size", req.GetPageSize(), defaultPage, maxPage)
	if err != nil {
		return nil, err
	}
	before, err := bound(req.GetBeforeMs())
	if err != nil {
		return nil, err
	}
	newest, _, err := s.copies.heads.Get(ctx, theHead)
	if err != nil {
		return nil, err
	}
	if refs, ok := newest.page(before, size); ok {
		return &videov1.ListRecentVideosResponse{Videos: refs}, nil
	}
	refs, err := s.recent(ctx, before, size+1)
	if err != nil {
		return nil, err
	}
	return &videov1.ListRecentVideosResponse{Videos: wholeMilliseconds(refs, size)}, nil
}

// wholeMilliseconds cuts a list that goes on after its end to at most size
// entries without parting those of one millisecond. Only when the newest
// millisecond alone has more than size are there more: skipping some would be
// worse. refs holds all entries of its last millisecond.
func wholeMilliseconds(refs []*videov1.VideoRef, size int) []*videov1.VideoRef {
	if len(refs) <= size {
		return refs
	}
	end := size
	for end > 0 && refs[end-1].GetPublishedAtMs() == refs[end].GetPublishedAtMs() {
		end--
	}
	if end > 0 {
		return refs[:end]
	}
	newest := refs[0].GetPublishedAtMs()
	for end < len(refs) && refs[end].GetPublishedAtMs() == newest {
		end++
	}
	return refs[:end]
}

// ListAuthorVideos implements VideoService.
func (s *Service) ListAuthorVideos(ctx context.Context, req *videov1.ListAuthorVideosRequest) (*videov1.ListAuthorVideosResponse, error) {
	size, err := page.Size("page_size", req.GetPageSize(), defaultPage, maxPage)
	if err != nil {
		return nil, err
	}
	from, err := page.Parse("page_token", req.GetPageToken())
	if err != nil {
		return nil, err
	}
	if from == nil {
		from = &page.Cursor{Time: math.MaxInt64, ID: math.MaxInt64}
	}
	refs, err := s.listedTo(ctx, req.GetAuthorId(), *from, size+1)
	if err != nil {
		return nil, err
	}
	res := &videov1.ListAuthorVideosResponse{Videos: refs}
	if len(refs) > size {
		res.Videos = refs[:size]
		last := refs[size-1]
		res.NextPageToken = page.Cursor{Time: last.GetPublishedAtMs(), ID: last.GetId()}.Token()
	}
	return res, nil
}

// listedTo returns what an author's list shows to the viewer. Who follows whom is
// asked only where that decides something.
func (s *Service) listedTo(ctx context.Context, author int64, from page.Cursor, limit int) ([]*videov1.VideoRef, error) {
	viewer, known := auth.ViewerFrom(ctx)
	if r := (relation{self: known && viewer.UserID == author}); r.self || !known {
		refs, _, err := s.byAuthor(ctx, author, from, limit, listed(r))
		return refs, err
	}
	refs, some, err := s.byAuthor(ctx, author, from, limit, fedVisibilities)
	if err != nil || !some {
		return refs, err
	}
	relations, err := s.relationsOf(ctx, viewer.UserID, []int64{author})
	if err != nil {
		return nil, err
	}
	visible := listed(relations[author])
	if len(visible) < len(fedVisibilities) {
		refs, _, err = s.byAuthor(ctx, author, from, limit, visible)
	}
	return refs, err
}

// ListVideosByAuthors implements VideoService.
func (s *Service) ListVideosByAuthors(ctx context.Context, req *videov1.ListVideosByAuthorsRequest) (*videov1.ListVideosByAuthorsResponse, error) {
	limit, err := page.Size("limit", req.GetLimit(), defaultPage, maxTogether)
	if err != nil {
		return nil, err
	}
	before, err := bound(req.GetBeforeMs())
	if err != nil {
		return nil, err
	}
	authors := distinct(req.GetAuthorIds())
	if len(authors) > maxAuthors {
		return nil, fault.Invalid("author_ids", "must be at most 10000")
	}
	if len(authors) == 0 {
		return &videov1.ListVideosByAuthorsResponse{}, nil
	}
	refs, err := s.byAuthors(ctx, authors, before, limit)
	if err != nil {
		return nil, err
	}
	return &videov1.ListVideosByAuthorsResponse{Videos: refs}, nil
}

// bound reads before_ms: 0 is no bound.
func bound(beforeMS int64) (int64, error) {
	switch {
	case beforeMS < 0:
		return 0, fault.Invalid("before_ms", "must not be negative")
	case beforeMS == 0:
		return anyTime, nil
	default:
		return beforeMS, nil
	}
}

func distinct(ids []int64) []int64 {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// newestFirst orders as the indexes do.
func newestFirst(a, b *videov1.VideoRef) int {
	return cmp.Or(cmp.Compare(b.GetPublishedAtMs(), a.GetPublishedAtMs()), cmp.Compare(b.GetId(), a.GetId()))
}
