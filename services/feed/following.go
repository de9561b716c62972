package feed

import (
	"context"
	"fmt"
	"slices"

	relationv1 "douyin.dev/gen/douyin/relation/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/page"
)

// listPage is how many users or authors one call may name.
const listPage = 10000

// entries returns up to limit entries of a user's following feed after a
// cursor: from the timeline, from a new timeline where there is none, or
// without one where Redis does not answer.
func (s *Service) entries(ctx context.Context, user int64, from *page.Cursor, limit int) ([]entry, error) {
	p, ok, err := s.readTimeline(ctx, user, from, limit)
	if err != nil {
		s.log.WarnContext(ctx, "timeline could not be read, the feed is computed", "error", err)
	}
	if ok {
		return s.merge(ctx, p, from, limit)
	}
	all, err := s.rebuild(ctx, user, err == nil)
	if err != nil {
		return nil, err
	}
	rest := after(all, from)
	return rest[:min(len(rest), limit)], nil
}

func (s *Service) readTimeline(ctx context.Context, user int64, from *page.Cursor, limit int) (part, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	p, ok, err := s.timelines.read(ctx, user, from, limit)
	if err != nil || !ok || len(p.pulled) == 0 || from == nil {
		return p, ok, err
	}
	// Later pages of a merged feed end where the whole of it has s.timelines.cap
	// entries, which only the whole of it can tell.
	return s.timelines.read(ctx, user, nil, s.timelines.cap)
}

// merge adds the videos of the pulled authors.
func (s *Service) merge(ctx context.Context, p part, from *page.Cursor, limit int) ([]entry, error) {
	if len(p.pulled) == 0 {
		return p.entries[:min(len(p.entries), limit)], nil
	}
	depth := limit
	if from != nil {
		depth = s.timelines.cap
	}
	pulled, err := s.videosOf(ctx, p.pulled, depth)
	if err != nil {
		return nil, err
	}
	rest := after(union(p.entries, pulled, s.timelines.cap), from)
	return rest[:min(len(rest), limit)], nil
}

// rebuild returns a user's whole feed, and keeps it as the timeline where keep
// asks for it. Calls for one user at the same time share the work.
func (s *Service) rebuild(ctx context.Context, user int64, keep bool) ([]entry, error) {
	key := fmt.Sprintf("%d/%t", user, keep)
	all, err, _ := s.rebuilds.Do(key, func() (any, error) {
		// The first caller's deadline counts, its leaving does not: others wait.
		shared, cancel := sharedContext(ctx)
		defer cancel()
		return s.rebuildOnce(shared, user, keep)
	})
	if err != nil {
		return nil, err
	}
	return all.([]entry), nil
}

func (s *Service) rebuildOnce(ctx context.Context, user int64, keep bool) ([]entry, error) {
	token, mine := "", false
	if keep {
		var err error
		if token, mine, err = s.timelines.begin(ctx, user); err != nil {
			s.log.WarnContext(ctx, "timeline could not be begun", "error", err)
		}
	}
	// All of what follows is read after the token was written.
	authors, err := s.authors(ctx, user)
	if err != nil {
		return nil, err
	}
	if !mine {
		return s.videosOf(ctx, authors, s.timelines.cap)
	}
	pulled, err := s.timelines.pulledAmong(ctx, authors)
	if err != nil {
		s.log.WarnContext(ctx, "timeline is not rebuilt", "error", err)
		return s.videosOf(ctx, authors, s.timelines.cap)
	}
	return s.fill(ctx, user, token, authors, pulled)
}

// fill ends a rebuild: the videos of pushed authors are kept, the pulled
// authors noted. The answer has the videos of both.
func (s *Service) fill(ctx context.Context, user int64, token string, authors []int64, isPulled map[int64]bool) ([]entry, error) {
	var pushed, pulled []int64
	for _, a := range authors {
		if isPulled[a] {
			pulled = append(pulled, a)
		} else {
			pushed = append(pushed, a)
		}
	}
	kept, err := s.videosOf(ctx, pushed, s.timelines.cap)
	if err != nil {
		return nil, err
	}
	if _, err := s.timelines.finish(ctx, user, token, part{entries: kept, pulled: pulled}); err != nil {
		s.log.WarnContext(ctx, "timeline could not be kept", "error", err)
	}
	others, err := s.videosOf(ctx, pulled, s.timelines.cap)
	if err != nil {
		return nil, err
	}
	return union(kept, others, s.timelines.cap), nil
}

// authors returns all whom a user follows.
func (s *Service) authors(ctx context.Context, user int64) ([]int64, error) {
	var all []int64
	for token := ""; ; {
		res, err := s.following.ListFollowing(ctx, &relationv1.ListFollowingRequest{UserId: user, PageSize: listPage, PageToken: token})
		if err != nil {
			return nil, fmt.Errorf("list following: %w", err)
		}
		all = append(all, res.GetUserIds()...)
		if token = res.GetNextPageToken(); token == "" {
			return all, nil
		}
	}
}

// videosOf returns the newest videos of authors together.
func (s *Service) videosOf(ctx context.Context, authors []int64, limit int) ([]entry, error) {
	var all []entry
	for chunk := range slices.Chunk(authors, listPage) {
		res, err := s.videos.ListVideosByAuthors(ctx, &videov1.ListVideosByAuthorsRequest{AuthorIds: chunk, Limit: int32(limit)})
		if err != nil {
			return nil, fmt.Errorf("list videos of authors: %w", err)
		}
		found := make([]entry, len(res.GetVideos()))
		for i, v := range res.GetVideos() {
			found[i] = entry{id: v.GetId(), at: v.GetPublishedAtMs()}
		}
		all = union(all, found, limit)
	}
	return all, nil
}

// union returns the newest entries of both lists, each once.
func union(a, b []entry, limit int) []entry {
	all := slices.Concat(a, b)
	slices.SortFunc(all, newestFirst)
	all = slices.Compact(all)
	return all[:min(len(all), limit)]
}

// sharedContext keeps the values and the deadline of ctx, and does not end with it otherwise.
func sharedContext(ctx context.Context) (context.Context, context.CancelFunc) {
	shared := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(shared, deadline)
	}
	return context.WithCancel(shared)
}
