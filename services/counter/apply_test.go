package counter

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	relationv1 "douyin.dev/gen/douyin/relation/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/bus"
)

const (
	manyUsers  = 8
	manyVideos = 12
)

// history is what the owners announced, by partition, and what is there at its end.
type history struct {
	t          *testing.T
	random     *rand.Rand
	partitions map[string][]bus.Message
	size       int

	likes, follows map[[2]int64]bool
	comments       map[int64][]int64
	published      map[int64]bool
	views          map[int64]int64
	finalVideos    map[int64]videoCount
	finalUsers     map[int64]userCount
}

// newHistory toggles likes, follows and comments at random among a few users
// and videos, and publishes and deletes videos.
func newHistory(t *testing.T, seed uint64, changes int) *history {
	h := &history{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), partitions: map[string][]bus.Message{},
		likes: map[[2]int64]bool{}, follows: map[[2]int64]bool{}, comments: map[int64][]int64{}, published: map[int64]bool{}, views: map[int64]int64{},
	}
	for range changes {
		h.change()
	}
	h.sum()
	return h
}

func authorOf(video int64) int64 { return 1 + video%manyUsers }

// sum counts what is there.
func (h *history) sum() {
	d := deltas{videos: map[int64]*videoCount{}, users: map[int64]*userCount{}}
	for pair, there := range h.likes {
		if there {
			d.user(pair[0]).Favorites++
			d.video(pair[1]).Favorites++
			d.user(authorOf(pair[1])).Favorited++
		}
	}
	for pair, there := range h.follows {
		if there {
			d.user(pair[0]).Following++
			d.user(pair[1]).Followers++
		}
	}
	for video, comments := range h.comments {
		d.video(video).Comments += int64(len(comments))
	}
	for video, views := range h.views {
		d.video(video).Views += views
	}
	for video, there := range h.published {
		if there {
			d.user(authorOf(video)).Works++
		}
	}
	h.finalVideos, h.finalUsers = map[int64]videoCount{}, map[int64]userCount{}
	for id := range int64(manyVideos) {
		h.finalVideos[id+1] = *d.video(id + 1)
	}
	for id := range int64(manyUsers) {
		h.finalUsers[id+1] = *d.user(id + 1)
	}
}

func (h *history) change() {
	user, video := 1+h.random.Int64N(manyUsers), 1+h.random.Int64N(manyVideos)
	switch h.random.IntN(5) {
	case 4:
		h.views[video]++
		h.views[1]++
		h.announce("view", video, &interactionv1.VideosViewed{UserId: user, Views: []*interactionv1.View{{VideoId: video}, {VideoId: 1}}})
	case 0:
		pair := [2]int64{user, video}
		h.likes[pair] = !h.likes[pair]
		h.announce("like", video, &interactionv1.LikeChanged{UserId: user, VideoId: video, AuthorId: authorOf(video), Liked: h.likes[pair]})
	case 1:
		pair := [2]int64{user, 1 + user%manyUsers}
		h.follows[pair] = !h.follows[pair]
		h.announce("follow", user, &relationv1.FollowChanged{FollowerId: user, FolloweeId: pair[1], Following: h.follows[pair]})
	case 2:
		h.changeComment(user, video)
	case 3:
		state := videov1.VideoState_VIDEO_STATE_DELETED
		if h.published[video] = !h.published[video]; h.published[video] {
			state = videov1.VideoState_VIDEO_STATE_PUBLISHED
		}
		h.announce("video", video, &videov1.VideoChanged{VideoId: video, AuthorId: authorOf(video), State: state})
	}
}

func (h *history) changeComment(user, video int64) {
	e := &interactionv1.CommentChanged{VideoId: video, UserId: user, Present: true, CommentId: int64(h.size + 1)}
	if there := h.comments[video]; len(there) > 0 && h.random.IntN(2) == 0 {
		e.Present, e.CommentId = false, there[0]
		h.comments[video] = there[1:]
	} else {
		h.comments[video] = append(there, e.CommentId)
	}
	h.announce("comment", video, e)
}

func (h *history) announce(topic string, key int64, event proto.Message) {
	h.size++
	p := fmt.Sprintf("%s/%d", topic, key%3)
	h.partitions[p] = append(h.partitions[p], messageOf(h.t, fmt.Sprintf("e-%d", h.size), event))
}

// deliver hands a partition to a worker as a group member that crashes now and
// then does: in order, in batches of any size, going back before a commit.
func deliver(ctx context.Context, w *Applier, random *rand.Rand, partition []bus.Message) error {
	for committed := 0; committed < len(partition); {
		end := min(committed+1+random.IntN(40), len(partition))
		if err := w.Apply(ctx, partition[committed:end]); err != nil {
			return err
		}
		if random.IntN(3) > 0 {
			committed = end
		}
	}
	return nil
}

// Two workers both read every partition, as at the height of a rebalance, in
// different orders. Somebody watches: no count is ever negative. At the end all
// are exact, and a replay changes no row.
func TestTwoWorkersCountExactly(t *testing.T) {
	b := setup(t)
	h := newHistory(t, 7, 1500)
	workers := []*Applier{b.Applier, newApplier(t, b.db, nil)}
	ctx, done := context.WithCancel(t.Context())
	var watching, working sync.WaitGroup
	watching.Go(func() {
		for ctx.Err() == nil {
			watch(t, b)
		}
	})
	for i, w := range workers {
		for name, partition := range h.partitions {
			working.Go(func() {
				random := rand.New(rand.NewPCG(uint64(i), uint64(len(name)+len(partition))))
				if err := deliver(t.Context(), w, random, partition); err != nil {
					t.Error(err)
				}
			})
		}
	}
	working.Wait()
	done()
	watching.Wait()

	videos, users := b.rows(t)
	fill(videos, h.finalVideos)
	fill(users, h.finalUsers)
	ignore := cmp.Options{
		cmpopts.IgnoreFields(videoCount{}, "Version", "ViewUpdates"), cmpopts.IgnoreFields(userCount{}, "Version"),
	}
	if diff := cmp.Diff(h.finalVideos, videos, ignore); diff != "" {
		t.Error("videos", diff)
	}
	if diff := cmp.Diff(h.finalUsers, users, ignore); diff != "" {
		t.Error("users", diff)
	}

	for _, partition := range h.partitions {
		b.mustApply(t, partition)
	}
	videosAfter, usersAfter := b.rows(t)
	fill(videosAfter, h.finalVideos)
	fill(usersAfter, h.finalUsers)
	if diff := cmp.Diff(videos, videosAfter); diff != "" {
		t.Error("a replay changed videos", diff)
	}
	if diff := cmp.Diff(users, usersAfter); diff != "" {
		t.Error("a replay changed users", diff)
	}
}

// fill adds the rows of those that nothing ever happened to.
func fill[R comparable](rows, all map[int64]R) {
	for id, r := range all {
		if _, ok := rows[id]; !ok {
			rows[id] = r
		}
	}
}

func watch(t *testing.T, b *bundle) {
	videos, users := b.rows(t)
	for _, c := range videos {
		if min(c.Favorites, c.Comments, c.Views) < 0 {
			t.Errorf("negative: %+v", c)
		}
	}
	for _, c := range users {
		if min(c.Following, c.Followers, c.Favorited, c.Works, c.Favorites) < 0 {
			t.Errorf("negative: %+v", c)
		}
	}
}

// Workers whose batches meet in all users, in opposite orders, do not lock each
// other out. Apply would try a deadlock again; here it is an error.
func TestOverlappingBatchesDoNotDeadlock(t *testing.T) {
	b := setup(t)
	var working sync.WaitGroup
	for worker := range 2 {
		working.Go(func() {
			for round := range 30 {
				var batch []bus.Message
				for i := range int64(50) {
					follower := i
					if worker == 1 {
						follower = 49 - i
					}
					id := fmt.Sprintf("w%d-%d-%d", worker, round, i)
					batch = append(batch, messageOf(t, id, &relationv1.FollowChanged{
						FollowerId: follower + 1, FolloweeId: 50 - follower, Following: true,
					}))
				}
				about, err := fold(batch)
				if err != nil {
					t.Error(err)
					return
				}
				err = pgx.BeginFunc(t.Context(), b.db.RW(), func(tx pgx.Tx) error {
					_, err := applyIn(t.Context(), tx, batch, about)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	working.Wait()
	_, users := b.rows(t)
	for id := range int64(50) {
		if want := (userCount{UserID: id + 1, Following: 60, Followers: 60, Version: 60}); users[id+1] != want {
			t.Errorf("got %+v, want %+v", users[id+1], want)
		}
	}
}

// Partitions share transactions. What is poison in one is the other's affair
// neither as an error nor as a count that is missing.
func TestPoisonStaysInItsPartition(t *testing.T) {
	b := setup(t)
	var working sync.WaitGroup
	for partition := range 8 {
		working.Go(func() {
			for round := range 20 {
				e := messageOf(t, fmt.Sprintf("%d-%d", partition, round), &interactionv1.CommentChanged{VideoId: 1, CommentId: 1, Present: true})
				poison := partition%2 == 1
				if poison {
					e.Value = []byte("\xff")
				}
				if err := b.Apply(t.Context(), []bus.Message{e}); bus.IsPoison(err) != poison || err != nil && !poison {
					t.Errorf("partition %d: %v", partition, err)
				}
			}
		})
	}
	working.Wait()
	if videos, _ := b.rows(t); videos[1].Comments != 4*20 {
		t.Errorf("%d comments counted, want %d", videos[1].Comments, 4*20)
	}
}
