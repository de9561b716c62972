package interaction

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/id"
	"douyin.dev/services/platform/page"
	"douyin.dev/services/platform/pg"
)

// maxTextLength bounds a comment, in characters.
const maxTextLength = 1000

// CreateComment implements interactionv1connect.InteractionServiceHandler.
func (s *Service) CreateComment(ctx context.Context, req *interactionv1.CreateCommentRequest) (*interactionv1.CreateCommentResponse, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return nil, err
	}
	text, err := commentText(req.GetText())
	if err != nil {
		return nil, err
	}
	c := comment{VideoID: req.GetVideoId(), UserID: viewer.UserID, Text: text}
	if req.GetIdempotencyKey() != "" {
		return s.createOnce(ctx, c, req.GetIdempotencyKey())
	}
	if err := s.complete(ctx, &c); err != nil {
		return nil, fmt.Errorf("create comment: %w", err)
	}
	exists, err := s.comments.Do(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("create comment: %w", err)
	}
	if !exists {
		return nil, noSuchVideo()
	}
	made := c.proto()
	s.written.keep(made)
	return &interactionv1.CreateCommentResponse{Comment: made}, nil
}

// createOnce creates a comment under an idempotency key.
func (s *Service) createOnce(ctx context.Context, c comment, key string) (*interactionv1.CreateCommentResponse, error) {
	// A video that is gone does not take the answer back that its key once got:
	// only a first use of the key fails.
	incomplete := s.complete(ctx, &c)
	request := &interactionv1.CreateCommentRequest{VideoId: c.VideoID, Text: c.Text}
	answer := &interactionv1.CreateCommentResponse{}
	err := pg.Once(ctx, s.store.db, c.UserID, key, request, answer, func(tx pgx.Tx) error {
		if incomplete != nil {
			return incomplete
		}
		exists, err := writeComments(ctx, tx, s.store.gateClass, []comment{c})
		if err != nil {
			return err
		}
		if !exists[0] {
			return noSuchVideo()
		}
		answer.Comment = &interactionv1.Comment{Id: c.ID} // the text must not outlive the comment
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("create comment: %w", err)
	}
	s.wake()
	c.ID = answer.GetComment().GetId()
	c.CreatedAtMs = id.Time(c.ID).UnixMilli()
	return &interactionv1.CreateCommentResponse{Comment: c.proto()}, nil
}

// complete adds what the request does not say: author, id and time. The time is
// the id's, so the order of ids is the order of times.
func (s *Service) complete(ctx context.Context, c *comment) (err error) {
	if c.AuthorID, err = s.videos.author(ctx, c.VideoID); err != nil {
		return err
	}
	if c.ID, err = s.ids.Next(); err != nil {
		return fault.Unavailable(err)
	}
	c.CreatedAtMs = id.Time(c.ID).UnixMilli()
	return nil
}

// commentText trims and checks a text, and returns a copy: in one process the text
// may be a piece of a client's whole request, which a remembered comment would
// hold in memory. Postgres stores no NUL.
func commentText(text string) (string, error) {
	text = strings.TrimSpace(text)
	n := utf8.RuneCountInString(text)
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return "", fault.Invalid("comment_text", "must be valid text")
	case n < 1 || n > maxTextLength:
		return "", fault.Invalid("comment_text", "must have 1 to 1000 characters")
	default:
		return strings.Clone(text), nil
	}
}

// DeleteComment implements interactionv1connect.InteractionServiceHandler.
func (s *Service) DeleteComment(ctx context.Context, req *interactionv1.DeleteCommentRequest) (*interactionv1.DeleteCommentResponse, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return nil, err
	}
	request := &interactionv1.DeleteCommentRequest{VideoId: req.GetVideoId(), CommentId: req.GetCommentId()}
	answer := &interactionv1.DeleteCommentResponse{}
	err = pg.Once(ctx, s.store.db, viewer.UserID, req.GetIdempotencyKey(), request, answer, func(tx pgx.Tx) error {
		return deleteComment(ctx, tx, req.GetVideoId(), req.GetCommentId(), viewer.UserID)
	})
	if err != nil {
		return nil, fmt.Errorf("delete comment: %w", err)
	}
	s.written.forget(req.GetCommentId())
	s.wake()
	return answer, nil
}

// ListComments implements interactionv1connect.InteractionServiceHandler.
func (s *Service) ListComments(ctx context.Context, req *interactionv1.ListCommentsRequest) (*interactionv1.ListCommentsResponse, error) {
	size, after, err := pageOf(req)
	if err != nil {
		return nil, err
	}
	if _, err := s.videos.author(ctx, req.GetVideoId()); err != nil {
		return nil, fmt.Errorf("list comments: %w", err)
	}
	ids, err := s.lists.Do(ctx, listing{req.GetVideoId(), beginning(after).ID, size + 1})
	if err != nil {
		return nil, fmt.Errorf("list comments: %w", err)
	}
	res := &interactionv1.ListCommentsResponse{}
	if len(ids) > size {
		ids = ids[:size]
		last := ids[size-1]
		res.NextPageToken = page.Cursor{Time: id.Time(last).UnixMilli(), ID: last}.Token()
	}
	if res.Comments, err = s.commentsOf(ctx, req.GetVideoId(), ids); err != nil {
		return nil, fmt.Errorf("list comments: %w", err)
	}
	return res, nil
}

// commentsOf returns comments of a video in the order of ids, without those
// that were deleted meanwhile.
func (s *Service) commentsOf(ctx context.Context, videoID int64, ids []int64) ([]*interactionv1.Comment, error) {
	found, missing := s.written.find(videoID, ids)
	if len(missing) == 0 {
		return found, nil
	}
	comments, err := s.store.readComments(ctx, videoID, missing)
	if err != nil {
		return nil, err
	}
	read := make(map[int64]*interactionv1.Comment, len(comments))
	for _, c := range comments {
		read[c.ID] = c.proto()
		s.written.keep(read[c.ID])
	}
	there := found[:0]
	for i, id := range ids {
		m := found[i]
		if m == nil {
			m = read[id]
		}
		if m != nil {
			there = append(there, m)
		}
	}
	return there, nil
}
