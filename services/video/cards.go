package video

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redis/rueidis"
	"go.opentelemetry.io/otel/metric"
	"golang.org/x/sync/errgroup"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/cache"
	"douyin.dev/services/platform/id"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/pg"
)

const (
	// cardCache is how many videos a process remembers, about 500 bytes each.
	cardCache = 50_000
	// tellTimeout bounds telling the copies of a change.
	tellTimeout = 10 * time.Second
	// consumerGroup follows the service's own changes.
	consumerGroup = "video"
)

// copies are what readers get instead of rows: the cards of videos, and the
// newest part of the public list. A deleted video leaves a tombstone of its last
// version, so that no slow reader brings its card back.
type copies struct {
	cards *cache.Cache[int64, *videov1.Video]
	heads *cache.Cache[int64, *head] // one, under theHead
}

func newCopies(db *pg.DB, redis rueidis.Client, meters metric.MeterProvider, s *Service) (*copies, error) {
	cards, err := cache.New(cache.Options[int64, *videov1.Video]{
		Name: db.Schema() + "-card", Redis: redis, Codec: cache.Proto[*videov1.Video](), Version: (*videov1.Video).GetVersion,
		Load: s.loadCards, L1Size: cardCache, Meters: meters,
	})
	if err != nil {
		return nil, err
	}
	heads, err := cache.New(cache.Options[int64, *head]{
		Name: db.Schema() + "-recent", Redis: redis, Codec: headCodec(), Version: func(h *head) int64 { return h.version },
		Load: s.loadHead, L1Size: 1, Meters: meters,
	})
	if err != nil {
		return nil, err
	}
	return &copies{cards: cards, heads: heads}, nil
}

// Run keeps the copies true to what other instances change, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	var loops errgroup.Group
	loops.Go(func() error { return s.copies.cards.Run(ctx) })
	loops.Go(func() error { return s.copies.heads.Run(ctx) })
	return loops.Wait()
}

func (s *Service) loadCards(ctx context.Context, ids []int64) (map[int64]*videov1.Video, error) {
	videos, err := s.byIDs(ctx, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[int64]*videov1.Video, len(videos))
	for _, v := range videos {
		byID[v.GetId()] = v
	}
	return byID, nil
}

// cardsOf returns the videos that exist, from copies.
func (s *Service) cardsOf(ctx context.Context, ids []int64) ([]*videov1.Video, error) {
	ids = slices.DeleteFunc(ids, func(video int64) bool { return video <= 0 || video >= id.Max }) // no video's
	return s.copies.cards.GetList(ctx, ids)
}

// tell makes the copies what Postgres has: after a commit, after a write whose
// outcome is not known, and for each event. What it cannot do now, the event of
// the change does later.
func (s *Service) tell(ctx context.Context, ids ...int64) error {
	// A caller who leaves must not leave the copies behind what was committed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTimeout)
	defer cancel()
	published, deleted, err := s.states(ctx, ids)
	if err != nil {
		return err
	}
	s.copies.cards.PutMany(ctx, published)
	for id, version := range deleted {
		s.copies.cards.Delete(ctx, id, version)
	}
	heads, err := s.loadHead(ctx, nil)
	if err != nil {
		return err
	}
	s.copies.heads.PutMany(ctx, heads)
	return nil
}

// tellAfterWrite is tell for who cannot do anything about a failure.
func (s *Service) tellAfterWrite(ctx context.Context, video int64) {
	if err := s.tell(ctx, video); err != nil {
		s.log.WarnContext(ctx, "copies of a video hear of its change later, by the event", "video_id", video, "error", err)
	}
}

// Topics are those of the service's events.
func Topics() []string {
	return []string{outbox.Topic(&videov1.VideoChanged{}), outbox.Topic(&videov1.TranscodeChanged{})}
}

// Subscription returns what this service listens to: its own changes. Whoever
// publishes or deletes tells the copies at once; a process that died in between
// has left an event. A worker that records renditions leaves an event alone.
func (s *Service) Subscription() bus.Subscription {
	return bus.Subscription{
		Group:  consumerGroup,
		Topics: Topics(),
		Handle: s.handleChanges,
	}
}

// handleChanges tells the copies what is now, not what an event says: it may be old.
func (s *Service) handleChanges(ctx context.Context, batch []bus.Message) error {
	ids := make([]int64, 0, len(batch))
	for _, m := range batch {
		id, err := changedVideo(m)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if err := s.tell(ctx, ids...); err != nil {
		return fmt.Errorf("tell of changed videos: %w", err)
	}
	return nil
}

// changedVideo returns the video that an event is about.
func changedVideo(m bus.Message) (int64, error) {
	if m.Topic == outbox.Topic(&videov1.TranscodeChanged{}) {
		e, err := outbox.Decode(m, &videov1.TranscodeChanged{})
		return e.GetVideoId(), err
	}
	e, err := outbox.Decode(m, &videov1.VideoChanged{})
	return e.GetVideoId(), err
}
