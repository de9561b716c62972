package message

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"douyin.dev/gen/douyin/message/v1/messagev1connect"
	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/coalesce"
	"douyin.dev/services/platform/pg"
)

const (
	// batchLimit is how many messages share a commit at most.
	batchLimit = 256
	// maxIDs bounds a batch read.
	maxIDs = 1000
	// maxPage is the largest page, and the one without a size.
	maxPage = 1000
	// followPage is how many messages a subscriber reads at once.
	followPage = 200
	// signOfLife is the longest silence of a stream.
	signOfLife = 15 * time.Second
)

// Users is what this service asks the user service.
type Users interface {
	BatchGetUsers(context.Context, *userv1.BatchGetUsersRequest) (*userv1.BatchGetUsersResponse, error)
}

// IDs makes the ids of messages.
type IDs interface {
	Next() (int64, error)
}

// Deps is what a Service needs.
type Deps struct {
	// DB holds the tables of this package's migrations.
	DB    *pg.DB
	Users Users
	// Redis carries wake-ups between processes; nil leaves it to polling.
	Redis rueidis.Client
	IDs   IDs
	Now   func() time.Time
	// Wake tells the outbox relay that there are events; nil leaves it to find them.
	// It must not block.
	Wake func()
	// Log may be nil.
	Log *slog.Logger
}

// Service implements the MessageService. It is safe for concurrent use. Run
// keeps its subscribers awake.
type Service struct {
	store *store
	users *directory
	hub   *hub
	ids   IDs
	now   func() time.Time
	wake  func()
	sends *coalesce.Batch[draft, int64]

	signOfLife time.Duration
	draining   chan struct{}
	drain      sync.Once
}

var _ messagev1connect.MessageServiceHandler = (*Service)(nil)

// New returns a Service.
func New(d Deps) (*Service, error) {
	if d.DB == nil || d.Users == nil || d.IDs == nil || d.Now == nil {
		return nil, errors.New("message service needs a database, users, ids and a clock")
	}
	if d.Wake == nil {
		d.Wake = func() {}
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	users, err := newDirectory(d.Users)
	if err != nil {
		return nil, err
	}
	st, err := newStore(d.DB)
	if err != nil {
		return nil, err
	}
	s := &Service{
		store: st, users: users, hub: newHub(st, d.Redis, d.Log), ids: d.IDs, now: d.Now, wake: d.Wake,
		signOfLife: signOfLife, draining: make(chan struct{}),
	}
	s.sends = pg.NewWriteBatch(batchLimit, nil, s.sendAll)
	return s, nil
}

// Run wakes subscribers until ctx ends; then their streams end.
func (s *Service) Run(ctx context.Context) error {
	defer s.Drain()
	return s.hub.run(ctx)
}

// Drain ends all streams, now and from now on. Subscribers come back with their
// cursor, to another process.
func (s *Service) Drain() { s.drain.Do(func() { close(s.draining) }) }
