package feed

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/redis/rueidis"
	"google.golang.org/protobuf/proto"

	feedv1 "douyin.dev/gen/douyin/feed/v1"
	relationv1 "douyin.dev/gen/douyin/relation/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/page"
)

func TestMain(m *testing.M) { infratest.Main(m) }

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func newRedis(t *testing.T) rueidis.Client {
	t.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{infratest.Redis(t)}, DisableCache: true, ForceSingleClient: true,
	})
	if err != nil {
		t.Fatalf("connect to redis: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// world stands for the video and relation services: what is true. Events of
// what happens in it wait in events until they are delivered.
type world struct {
	mu      sync.Mutex
	base    int64 // ids are base + small numbers: the Redis is shared by all tests
	videos  map[int64]*videov1.VideoRef
	deleted map[int64]bool
	hidden  map[int64]bool    // private
	follows map[int64][]int64 // follower to followees, most recent last
	nextID  int64
	clock   int64
	events  []bus.Message
	// between is called after an answer was read and before it is given, so
	// that a test can make it an old one.
	between func(call string)
	calls   map[string]int
}

func newWorld() *world {
	return &world{
		base: rand.Int64N(1<<52) / 1000 * 1000, videos: map[int64]*videov1.VideoRef{}, deleted: map[int64]bool{}, hidden: map[int64]bool{},
		follows: map[int64][]int64{}, clock: 1_700_000_000_000, calls: map[string]int{},
	}
}

func (w *world) user(n int) int64 { return w.base + int64(n) }

// everyone is users 1 to n, as fields of pulledKey. All tests share that key, so
// a test that loses it may lose no more than what is its own.
func (w *world) everyone(n int) []string {
	fields := make([]string, n)
	for i := range fields {
		fields[i] = decimal(w.user(i + 1))
	}
	return fields
}

func (w *world) announce(key int64, m proto.Message) {
	value, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	w.events = append(w.events, bus.Message{Topic: outbox.Topic(m), Key: strconv.AppendInt(nil, key, 10), Value: value})
}

// publish makes a video; step is how much later than the one before it.
func (w *world) publish(author int64, step int64) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nextID++
	w.clock += step
	v := &videov1.VideoRef{Id: w.nextID, AuthorId: author, PublishedAtMs: w.clock}
	w.videos[v.Id] = v
	w.announce(v.Id, &videov1.VideoChanged{VideoId: v.Id, AuthorId: author, PublishedAtMs: v.PublishedAtMs, State: videov1.VideoState_VIDEO_STATE_PUBLISHED})
	return v.Id
}

func (w *world) remove(id int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.videos[id]
	if v == nil || w.deleted[id] {
		return
	}
	w.deleted[id] = true
	w.announce(id, &videov1.VideoChanged{VideoId: id, AuthorId: v.AuthorId, PublishedAtMs: v.PublishedAtMs, State: videov1.VideoState_VIDEO_STATE_DELETED})
}

// edit makes a video private or public.
func (w *world) edit(id int64, private bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.videos[id]
	if v == nil || w.deleted[id] {
		return
	}
	visibility := map[bool]videov1.Visibility{true: videov1.Visibility_VISIBILITY_PRIVATE, false: videov1.Visibility_VISIBILITY_PUBLIC}
	w.announce(id, &videov1.VideoChanged{
		VideoId: id, AuthorId: v.AuthorId, PublishedAtMs: v.PublishedAtMs, State: videov1.VideoState_VIDEO_STATE_EDITED,
		Visibility: visibility[private], PreviousVisibility: visibility[w.hidden[id]],
	})
	w.hidden[id] = private
}

func (w *world) follow(follower, followee int64, following bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.Contains(w.follows[follower], followee) == following {
		return
	}
	if following {
		w.follows[follower] = append(w.follows[follower], followee)
	} else {
		w.follows[follower] = slices.DeleteFunc(slices.Clone(w.follows[follower]), func(f int64) bool { return f == followee })
	}
	w.announce(follower, &relationv1.FollowChanged{FollowerId: follower, FolloweeId: followee, Following: following})
}

// feed is what a user's following feed must be.
func (w *world) feed(user int64, size int) []entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.newest(w.follows[user], size)
}

func (w *world) newest(authors []int64, limit int) []entry {
	var all []entry
	for id, v := range w.videos {
		if !w.deleted[id] && !w.hidden[id] && slices.Contains(authors, v.AuthorId) {
			all = append(all, entry{id: id, at: v.PublishedAtMs})
		}
	}
	slices.SortFunc(all, newestFirst)
	return all[:min(len(all), limit)]
}

// answered counts a call and gives the test its chance.
func (w *world) answered(call string) {
	w.mu.Lock()
	w.calls[call]++
	between := w.between
	w.mu.Unlock()
	if between != nil {
		between(call)
	}
}

func (w *world) ListRecentVideos(_ context.Context, req *videov1.ListRecentVideosRequest) (*videov1.ListRecentVideosResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	res := &videov1.ListRecentVideosResponse{}
	for _, v := range w.videos {
		if req.BeforeMs == 0 || v.PublishedAtMs < req.BeforeMs {
			res.Videos = append(res.Videos, v)
		}
	}
	slices.SortFunc(res.Videos, func(a, b *videov1.VideoRef) int { return int(b.PublishedAtMs - a.PublishedAtMs) })
	res.Videos = res.Videos[:min(len(res.Videos), int(req.PageSize))]
	return res, nil
}

func (w *world) ListVideosByAuthors(_ context.Context, req *videov1.ListVideosByAuthorsRequest) (*videov1.ListVideosByAuthorsResponse, error) {
	w.mu.Lock()
	res := &videov1.ListVideosByAuthorsResponse{}
	for _, e := range w.newest(req.AuthorIds, int(req.Limit)) {
		res.Videos = append(res.Videos, w.videos[e.id])
	}
	w.mu.Unlock()
	w.answered("ListVideosByAuthors")
	return res, nil
}

func (w *world) BatchGetVideos(_ context.Context, req *videov1.BatchGetVideosRequest) (*videov1.BatchGetVideosResponse, error) {
	if !req.GetFresh() {
		return nil, errors.New("timelines are not decided by copies")
	}
	w.mu.Lock()
	res := &videov1.BatchGetVideosResponse{}
	for _, id := range req.Ids {
		if v := w.videos[id]; v != nil && !w.deleted[id] {
			card := &videov1.Video{Id: id, AuthorId: v.AuthorId, Visibility: videov1.Visibility_VISIBILITY_PUBLIC}
			if w.hidden[id] {
				card.Visibility = videov1.Visibility_VISIBILITY_PRIVATE
			}
			res.Videos = append(res.Videos, card)
		}
	}
	w.mu.Unlock()
	w.answered("BatchGetVideos")
	return res, nil
}

func (w *world) ListFollowing(_ context.Context, req *relationv1.ListFollowingRequest) (*relationv1.ListFollowingResponse, error) {
	w.mu.Lock()
	users := slices.Clone(w.follows[req.UserId])
	w.mu.Unlock()
	slices.Reverse(users)
	w.answered("ListFollowing")
	return &relationv1.ListFollowingResponse{UserIds: users}, nil
}

// ListFollowers pages by two, so that walks have several steps.
func (w *world) ListFollowers(_ context.Context, req *relationv1.ListFollowersRequest) (*relationv1.ListFollowersResponse, error) {
	from, err := page.Parse("page_token", req.PageToken)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	var users []int64
	for follower, followees := range w.follows {
		if slices.Contains(followees, req.UserId) && (from == nil || follower > from.ID) {
			users = append(users, follower)
		}
	}
	w.mu.Unlock()
	slices.Sort(users)
	res := &relationv1.ListFollowersResponse{UserIds: users}
	if len(users) > 2 {
		res.UserIds = users[:2]
		res.NextPageToken = page.Cursor{ID: users[1]}.Token()
	}
	w.answered("ListFollowers")
	return res, nil
}

// bench is the subject of a test: service and pusher over one world.
type bench struct {
	*world
	svc    *Service
	pusher *Pusher
}

// newBench makes feeds of at most size videos, pulled from authors with more
// than threshold followers.
func newBench(t fataler, redis rueidis.Client, size, threshold int) *bench {
	t.Helper()
	w := newWorld()
	svc, err := New(Deps{Redis: redis, Videos: w, Following: w})
	if err != nil {
		t.Fatalf("new service: %v", err)
	}
	pusher, err := NewPusher(PusherDeps{Redis: redis, Followers: w, Videos: w, Threshold: threshold})
	if err != nil {
		t.Fatalf("new pusher: %v", err)
	}
	svc.timelines.cap, pusher.timelines.cap = size, size
	return &bench{world: w, svc: svc, pusher: pusher}
}

// deliver handles the events that wait.
func (b *bench) deliver(t fataler) {
	t.Helper()
	for b.deliverAt(t, 0) {
	}
}

// deliverAt handles the i-th waiting event, unless an earlier one has its key.
func (b *bench) deliverAt(t fataler, i int) bool {
	t.Helper()
	b.mu.Lock()
	if i >= len(b.events) {
		b.mu.Unlock()
		return false
	}
	m := b.events[i]
	for j := range i {
		if b.events[j].Topic == m.Topic && string(b.events[j].Key) == string(m.Key) {
			b.mu.Unlock()
			return true
		}
	}
	b.events = slices.Delete(slices.Clone(b.events), i, i+1)
	b.mu.Unlock()
	err := b.pusher.Handle(context.Background(), []bus.Message{m})
	for n := 0; errors.Is(err, errForgotten) && n < 100; n++ { // Redis lost the author meanwhile: the bus delivers again
		err = b.pusher.Handle(context.Background(), []bus.Message{m})
	}
	if err != nil {
		t.Fatalf("handle %s: %v", m.Topic, err)
	}
	return true
}

func as(user int64) context.Context {
	return auth.WithViewer(context.Background(), auth.Viewer{UserID: user})
}

// read pages through a user's feed.
func (b *bench) read(t fataler, user int64, size int) []entry {
	t.Helper()
	var all []entry
	for token := ""; ; {
		res, err := b.svc.ListFollowingFeed(as(user), &feedv1.ListFollowingFeedRequest{PageSize: int32(size), PageToken: token})
		if err != nil {
			t.Fatalf("list following feed: %v", err)
		}
		if len(res.Entries) > size {
			t.Fatalf("a page of %d has %d entries", size, len(res.Entries))
		}
		for _, e := range res.Entries {
			all = append(all, entry{id: e.VideoId, at: e.PublishedAtMs})
		}
		if token = res.NextPageToken; token == "" {
			return all
		}
	}
}
