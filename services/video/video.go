package video

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/rueidis"
	"go.opentelemetry.io/otel/metric"

	"douyin.dev/gen/douyin/video/v1/videov1connect"
	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/pg"
	"douyin.dev/services/video/mp4"
)

// Objects is what the service needs of the object store.
type Objects interface {
	// Put stores size bytes under a key: whole or not at all.
	Put(ctx context.Context, key string, body io.ReadSeeker, size int64, contentType string) error
	// Delete removes objects; one that is not there counts as removed.
	Delete(ctx context.Context, keys ...string) error
	// List walks the objects whose key begins with prefix.
	List(ctx context.Context, prefix string) iter.Seq2[blob.Item, error]
}

// Limits bound an upload.
type Limits struct {
	// MaxBytes of a file.
	MaxBytes int64
	// MinRate in bytes per second, asked for once Grace has passed.
	MinRate int64
	// Grace is how long an upload may be slow at its beginning.
	Grace time.Duration
	// Uploads is how many may be under way at a time.
	Uploads int
}

// DefaultLimits are those of the platform.
func DefaultLimits() Limits {
	return Limits{MaxBytes: 256 << 20, MinRate: 64 << 10, Grace: 10 * time.Second, Uploads: 32}
}

// IDs makes the ids of videos, which rise with time.
type IDs interface {
	Next() (int64, error)
}

// Deps is what the service is made of.
type Deps struct {
	DB      *pg.DB
	Objects Objects
	IDs     IDs
	Now     func() time.Time
	// Wake tells the outbox relay that there are events; nil leaves it to find them.
	// It must not block.
	Wake func()
	// Log may be nil.
	Log *slog.Logger
	// WorkDir is where uploads are spooled.
	WorkDir   string
	Limits    Limits
	Cover     CoverOptions
	Relations Relations
	// Redis holds copies of videos for all instances; nil for none.
	Redis rueidis.Client
	// Meters gets the caches' counts; nil for none.
	Meters metric.MeterProvider
}

var _ videov1connect.VideoServiceHandler = (*Service)(nil)

// Service implements VideoService. It is safe for concurrent use.
type Service struct {
	db        *pg.DB
	objects   Objects
	ids       IDs
	now       func() time.Time
	wake      func()
	log       *slog.Logger
	spooler   *spooler
	prober    *mp4.Prober
	covers    *covers
	copies    *copies
	relations Relations
	watchers  *watchers

	mu     sync.Mutex
	newest int64 // the last publish time given out
}

// New returns the service.
func New(d Deps) (*Service, error) {
	switch {
	case d.DB == nil || d.Objects == nil || d.IDs == nil || d.Now == nil || d.WorkDir == "":
		return nil, errors.New("video service needs a database, objects, ids, a clock and a work directory")
	case d.Relations == nil:
		return nil, errors.New("video service needs relations")
	case d.Limits.MaxBytes <= 0 || d.Limits.Uploads <= 0:
		return nil, errors.New("video service needs limits")
	}
	if d.Wake == nil {
		d.Wake = func() {}
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{
		db: d.DB, objects: d.Objects, ids: d.IDs, now: d.Now, wake: d.Wake, log: d.Log,
		spooler:   newSpooler(d.WorkDir, d.Limits),
		prober:    mp4.NewProber(),
		covers:    newCovers(d.Cover, d.Log),
		relations: d.Relations,
		watchers:  newWatchers(),
	}
	var err error
	if s.copies, err = newCopies(d.DB, d.Redis, d.Meters, s); err != nil {
		return nil, err
	}
	return s, nil
}

// publishTime returns the current time in milliseconds, later than any it
// returned before.
func (s *Service) publishTime() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = max(s.now().UnixMilli(), s.newest+1)
	return s.newest
}
