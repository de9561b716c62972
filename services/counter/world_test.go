package counter

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	relationv1 "douyin.dev/gen/douyin/relation/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/bus"
)

// world stands for the owners, their outboxes and Kafka, which are other
// processes: what is there, what is not announced yet, what is not applied yet.
type world struct {
	t *testing.T

	mu         sync.Mutex
	random     *rand.Rand
	likes      map[[2]int64]bool // user, video
	follows    map[[2]int64]bool // follower, followee
	comments   map[int64]int64   // by video
	published  map[int64]bool
	private    map[int64]bool // of the published ones
	announced  int            // events, for their ids
	outbox     []pendingEvent
	partitions map[string][]bus.Message
	settled    map[string]int
}

type pendingEvent struct {
	partition string
	message   bus.Message
	videos    []int64 // it is about
	users     []int64
}

func newWorld(t *testing.T, seed uint64) *world {
	return &world{
		t: t, random: rand.New(rand.NewPCG(seed, 2)),
		likes: map[[2]int64]bool{}, follows: map[[2]int64]bool{}, comments: map[int64]int64{}, published: map[int64]bool{}, private: map[int64]bool{},
		partitions: map[string][]bus.Message{}, settled: map[string]int{},
	}
}

// change does something at random: often the same thing there and back, whose
// events sum up to nothing.
func (w *world) change() {
	w.mu.Lock()
	defer w.mu.Unlock()
	user, video := 1+w.random.Int64N(manyUsers), 1+w.random.Int64N(manyVideos)
	times := 1 + w.random.IntN(2)
	switch w.random.IntN(5) {
	case 0:
		for range times {
			w.like(user, video, !w.likes[[2]int64{user, video}])
		}
	case 1:
		pair := [2]int64{user, 1 + user%manyUsers}
		for range times {
			w.follows[pair] = !w.follows[pair]
			e := &relationv1.FollowChanged{FollowerId: user, FolloweeId: pair[1], Following: w.follows[pair]}
			w.announce("follow", user, e, nil, []int64{user, pair[1]})
		}
	case 2:
		present := w.comments[video] == 0 || w.random.IntN(2) == 0
		w.comments[video] += one(present)
		w.announce("comment", video, &interactionv1.CommentChanged{VideoId: video, UserId: user, Present: present, CommentId: 1}, []int64{video}, nil)
	case 3:
		state := videov1.VideoState_VIDEO_STATE_DELETED
		if w.published[video] = !w.published[video]; w.published[video] {
			state = videov1.VideoState_VIDEO_STATE_PUBLISHED
		}
		w.announceVideo(video, &videov1.VideoChanged{State: state, Visibility: w.visibility(video)})
	case 4:
		if w.published[video] {
			before := w.visibility(video)
			w.private[video] = w.random.IntN(2) == 0
			w.announceVideo(video, &videov1.VideoChanged{
				State: videov1.VideoState_VIDEO_STATE_EDITED, Visibility: w.visibility(video), PreviousVisibility: before,
			})
		}
	}
}

func (w *world) announceVideo(video int64, e *videov1.VideoChanged) {
	e.VideoId, e.AuthorId = video, authorOf(video)
	w.announce("video", video, e, nil, []int64{authorOf(video)})
}

func (w *world) visibility(video int64) videov1.Visibility {
	if w.private[video] {
		return videov1.Visibility_VISIBILITY_PRIVATE
	}
	return videov1.Visibility_VISIBILITY_PUBLIC
}

func (w *world) like(user, video int64, liked bool) {
	w.likes[[2]int64{user, video}] = liked
	e := &interactionv1.LikeChanged{UserId: user, VideoId: video, AuthorId: authorOf(video), Liked: liked}
	w.announce("like", video, e, []int64{video}, []int64{user, authorOf(video)})
}

func (w *world) announce(topic string, key int64, e proto.Message, videos, users []int64) {
	w.announced++
	m := messageOf(w.t, "e-"+strconv.Itoa(w.announced), e)
	w.outbox = append(w.outbox, pendingEvent{topic + "/" + strconv.FormatInt(key%2, 10), m, videos, users})
}

// awaitRoom returns when few events are under way: they arise faster than they
// are applied.
func (w *world) awaitRoom() {
	for {
		w.mu.Lock()
		left := len(w.outbox)
		for p, messages := range w.partitions {
			left += len(messages) - w.settled[p]
		}
		w.mu.Unlock()
		if left < 60 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// relay moves up to n events to Kafka.
func (w *world) relay(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n = min(n, len(w.outbox))
	for _, e := range w.outbox[:n] {
		w.partitions[e.partition] = append(w.partitions[e.partition], e.message)
	}
	w.outbox = w.outbox[n:]
}

// deliver applies up to n events of a partition and then commits.
func (w *world) deliver(ctx context.Context, worker *Applier, partition string, n int) error {
	w.mu.Lock()
	from := w.settled[partition]
	to := min(from+n, len(w.partitions[partition]))
	batch := slices.Clone(w.partitions[partition][from:to])
	w.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	if err := worker.Apply(ctx, batch); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settled[partition] = to
	return nil
}

// Drained implements Progress.
func (w *world) Drained(ctx context.Context, _ string, _ ...string) error {
	w.mu.Lock()
	ends := map[string]int{}
	for p, messages := range w.partitions {
		ends[p] = len(messages)
	}
	w.mu.Unlock()
	for {
		w.mu.Lock()
		maps.DeleteFunc(ends, func(p string, end int) bool { return w.settled[p] >= end })
		w.mu.Unlock()
		if len(ends) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

// truth counts what is there.
func (w *world) truth() (map[int64]videoCount, map[int64]userCount) {
	d := deltas{videos: map[int64]*videoCount{}, users: map[int64]*userCount{}}
	for pair, there := range w.likes {
		if there {
			d.user(pair[0]).Favorites++
			d.video(pair[1]).Favorites++
			d.user(authorOf(pair[1])).Favorited++
		}
	}
	for pair, there := range w.follows {
		if there {
			d.user(pair[0]).Following++
			d.user(pair[1]).Followers++
		}
	}
	for video, n := range w.comments {
		if n > 0 {
			d.video(video).Comments += n
		}
	}
	for video, there := range w.published {
		if there && !w.private[video] {
			d.user(authorOf(video)).Works++
		}
	}
	videos, users := map[int64]videoCount{}, map[int64]userCount{}
	for id, c := range d.videos {
		videos[id] = *c
	}
	for id, c := range d.users {
		users[id] = *c
	}
	return videos, users
}

// TallyVideos implements Likes.
func (w *world) TallyVideos(_ context.Context, req *interactionv1.TallyVideosRequest) (*interactionv1.TallyVideosResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	videos, _ := w.truth()
	res := &interactionv1.TallyVideosResponse{}
	for _, id := range next(videos, req.GetAfterId(), req.GetLimit()) {
		res.Tallies = append(res.Tallies, &interactionv1.VideoTally{VideoId: id, FavoriteCount: videos[id].Favorites, CommentCount: videos[id].Comments})
	}
	for _, e := range w.outbox {
		res.UnannouncedIds = append(res.UnannouncedIds, e.videos...)
	}
	return res, nil
}

// TallyUsers implements Likes.
func (w *world) TallyUsers(_ context.Context, req *interactionv1.TallyUsersRequest) (*interactionv1.TallyUsersResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, users := w.truth()
	res := &interactionv1.TallyUsersResponse{UnannouncedIds: w.unannouncedUsers()}
	for _, id := range next(users, req.GetAfterId(), req.GetLimit()) {
		res.Tallies = append(res.Tallies, &interactionv1.UserTally{UserId: id, FavoriteCount: users[id].Favorites, TotalFavorited: users[id].Favorited})
	}
	return res, nil
}

// relations is the world as the relation service.
type relations struct{ *world }

// TallyUsers implements Follows.
func (r relations) TallyUsers(_ context.Context, req *relationv1.TallyUsersRequest) (*relationv1.TallyUsersResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, users := r.truth()
	res := &relationv1.TallyUsersResponse{UnannouncedIds: r.unannouncedUsers()}
	for _, id := range next(users, req.GetAfterId(), req.GetLimit()) {
		res.Tallies = append(res.Tallies, &relationv1.UserTally{UserId: id, FollowCount: users[id].Following, FollowerCount: users[id].Followers})
	}
	return res, nil
}

// TallyAuthors implements Works.
func (w *world) TallyAuthors(_ context.Context, req *videov1.TallyAuthorsRequest) (*videov1.TallyAuthorsResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, users := w.truth()
	res := &videov1.TallyAuthorsResponse{UnannouncedIds: w.unannouncedUsers()}
	for _, id := range next(users, req.GetAfterId(), req.GetLimit()) {
		res.Tallies = append(res.Tallies, &videov1.AuthorTally{AuthorId: id, WorkCount: users[id].Works})
	}
	return res, nil
}

func (w *world) unannouncedUsers() (ids []int64) {
	for _, e := range w.outbox {
		ids = append(ids, e.users...)
	}
	return ids
}

func (w *world) owners() Owners { return Owners{Likes: w, Follows: relations{w}, Works: w} }

// next returns the first ids after one.
func next[R any](rows map[int64]R, after int64, limit int32) []int64 {
	ids := slices.Sorted(maps.Keys(rows))
	ids = slices.DeleteFunc(ids, func(id int64) bool { return id <= after })
	return ids[:min(len(ids), int(limit))]
}
