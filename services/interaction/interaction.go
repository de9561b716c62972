package interaction

import (
	"context"
	"errors"
	"time"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/gen/douyin/interaction/v1/interactionv1connect"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/coalesce"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/pg"
)

const (
	// batchLimit is how many writes share a commit at most.
	batchLimit = 256
	// listLimit is how many lists of comments share a statement at most.
	listLimit = 64
	// maxIDs bounds a batch read.
	maxIDs = 1000
	// defaultPage and maxPage are page sizes.
	defaultPage, maxPage = 30, 1000
)

// Videos is what this service asks the video service.
type Videos interface {
	BatchGetVideos(context.Context, *videov1.BatchGetVideosRequest) (*videov1.BatchGetVideosResponse, error)
	BatchCheckVisible(context.Context, *videov1.BatchCheckVisibleRequest) (*videov1.BatchCheckVisibleResponse, error)
}

// IDs makes the ids of comments, which rise with time.
type IDs interface {
	Next() (int64, error)
}

// Deps is what a Service needs.
type Deps struct {
	// DB holds the tables of this package's migrations.
	DB     *pg.DB
	Videos Videos
	IDs    IDs
	// Now is the time written into likes.
	Now func() time.Time
	// Wake tells the outbox relay that there are events; nil leaves it to find them.
	// It must not block.
	Wake func()
}

// Service implements the InteractionService. It is safe for concurrent use.
type Service struct {
	store  *store
	videos *directory
	ids    IDs
	now    func() time.Time
	wake   func()

	toggles  *coalesce.Batch[toggle, bool]
	comments *coalesce.Batch[comment, bool]
	lists    *coalesce.Batch[listing, []int64]
	liked    *pg.Members
	written  *commentCache
}

var _ interactionv1connect.InteractionServiceHandler = (*Service)(nil)

// New returns a Service.
func New(d Deps) (*Service, error) {
	if d.DB == nil || d.Videos == nil || d.IDs == nil || d.Now == nil {
		return nil, errors.New("interaction service needs a database, videos, ids and a clock")
	}
	if d.Wake == nil {
		d.Wake = func() {}
	}
	videos, err := newDirectory(d.Videos)
	if err != nil {
		return nil, err
	}
	written, err := newCommentCache()
	if err != nil {
		return nil, err
	}
	s := &Service{
		store: newStore(d.DB), videos: videos, ids: d.IDs, now: d.Now, wake: d.Wake,
		liked: pg.NewMembers(d.DB, "video_like", "user_id", "video_id"), written: written,
	}
	s.toggles = pg.NewWriteBatch(batchLimit, toggle.pair, announced(s, s.store.toggleLikes))
	s.comments = pg.NewWriteBatch(batchLimit, nil, announced(s, s.store.addComments))
	s.lists = pg.NewBatch(listLimit, nil, s.store.listComments)
	return s, nil
}

// announced wakes the relay after a write.
func announced[Q any](s *Service, write func(context.Context, []Q) ([]bool, error)) func(context.Context, []Q) ([]bool, error) {
	return func(ctx context.Context, queries []Q) ([]bool, error) {
		answers, err := write(ctx, queries)
		if err == nil {
			s.wake()
		}
		return answers, err
	}
}

func noSuchVideo() error {
	return fault.NotFound("no such video").For(interactionv1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND)
}

func noSuchComment() error {
	return fault.NotFound("no such comment").For(interactionv1.ErrorReason_ERROR_REASON_COMMENT_NOT_FOUND)
}
