package feed

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"

	feedv1 "douyin.dev/gen/douyin/feed/v1"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/page"
)

// readWhile pages like read and calls meanwhile before every page but the first.
func (b *bench) readWhile(t fataler, user int64, size int, meanwhile func()) []entry {
	t.Helper()
	var all []entry
	for token := ""; ; meanwhile() {
		res, err := b.svc.ListFollowingFeed(as(user), &feedv1.ListFollowingFeedRequest{PageSize: int32(size), PageToken: token})
		if err != nil {
			t.Fatalf("list following feed: %v", err)
		}
		for _, e := range res.Entries {
			all = append(all, entry{id: e.VideoId, at: e.PublishedAtMs})
		}
		if token = res.NextPageToken; token == "" {
			return all
		}
	}
}

// once runs fn after the first answer to a call. What fn causes does not run it again.
func (b *bench) once(call string, fn func()) {
	var ran atomic.Bool
	b.between = func(c string) {
		if c == call && ran.CompareAndSwap(false, true) {
			fn()
		}
	}
}

func (b *bench) kept(t *testing.T, user int64) (part, bool) {
	t.Helper()
	p, ok, err := b.svc.timelines.read(t.Context(), user, nil, feedSize)
	if err != nil {
		t.Fatalf("read timeline: %v", err)
	}
	return p, ok
}

func TestPushDuringRebuildIsKept(t *testing.T) {
	t.Parallel()
	b := newBench(t, newRedis(t), 10, 100)
	reader, author := b.user(1), b.user(2)
	b.follow(reader, author, true)
	b.publish(author, 1)
	b.deliver(t)
	b.once("ListVideosByAuthors", func() { // the rebuild has read, and not written
		b.publish(author, 1)
		b.deliver(t)
	})
	b.read(t, reader, 5)
	p, ok := b.kept(t, reader)
	if !ok {
		t.Fatal("the rebuild was not kept")
	}
	if diff := cmp.Diff(b.feed(reader, 10), p.entries, entries); diff != "" {
		t.Errorf("timeline (-want +got):\n%s", diff)
	}
}

func TestFollowDuringRebuildDiscardsIt(t *testing.T) {
	t.Parallel()
	b := newBench(t, newRedis(t), 10, 100)
	reader := b.user(1)
	b.follow(reader, b.user(2), true)
	b.publish(b.user(2), 1)
	b.publish(b.user(3), 1)
	b.deliver(t)
	b.once("ListVideosByAuthors", func() {
		b.follow(reader, b.user(3), true)
		b.deliver(t)
	})
	b.read(t, reader, 5)
	if _, ok := b.kept(t, reader); ok {
		t.Fatal("a rebuild from the old list of followed was kept")
	}
	if diff := cmp.Diff(b.feed(reader, 10), b.read(t, reader, 5), entries); diff != "" {
		t.Errorf("feed (-want +got):\n%s", diff)
	}
}

func TestDeletionDuringRebuildIsKept(t *testing.T) {
	t.Parallel()
	for _, size := range []int{2, 10} { // a list at its cap, and one below
		b := newBench(t, newRedis(t), size, 100)
		reader, author := b.user(1), b.user(2)
		b.follow(reader, author, true)
		for range 3 {
			b.publish(author, 1)
		}
		b.deliver(t)
		b.once("ListVideosByAuthors", func() {
			b.remove(3)
			b.deliver(t)
		})
		b.read(t, reader, 5)
		if diff := cmp.Diff(b.feed(reader, size), b.read(t, reader, 5), entries); diff != "" {
			t.Errorf("size %d: feed (-want +got):\n%s", size, diff)
		}
	}
}

// TestPushFromAnOldListIsRefused: the list of followers was read, then the
// reader unfollowed, the timeline was rebuilt, and only then the push arrives.
func TestPushFromAnOldListIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, newRedis(t), 10, 100)
	reader, author := b.user(1), b.user(2)
	b.follow(reader, author, true)
	b.deliver(t)
	b.publish(author, 1)
	b.once("ListFollowers", func() {
		b.follow(reader, author, false)
		b.deliver(t)
		b.read(t, reader, 5)
	})
	b.deliver(t)
	if got := b.read(t, reader, 5); len(got) != 0 {
		t.Errorf("a video of an unfollowed author is in the feed: %v", got)
	}
}

func TestLatePushBeginsAnew(t *testing.T) {
	t.Parallel()
	b := newBench(t, newRedis(t), 10, 100)
	reader, author := b.user(1), b.user(2)
	b.read(t, reader, 5)
	now, err := b.pusher.timelines.now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = b.pusher.timelines.push(t.Context(), author, entry{id: 1, at: 1}, []int64{reader}, now-pushLife.Milliseconds()-1)
	if !errors.Is(err, errLate) {
		t.Errorf("push by a list of followers that is too old: %v, want %v", err, errLate)
	}
}

// TestManyFollowersArePulled: the video of an author above the threshold is in
// no timeline and in every feed.
func TestManyFollowersArePulled(t *testing.T) {
	t.Parallel()
	b := newBench(t, newRedis(t), 10, 2)
	star, small := b.user(9), b.user(8)
	for n := 1; n <= 5; n++ {
		b.follow(b.user(n), star, true)
	}
	b.follow(b.user(1), small, true)
	b.deliver(t)
	for n := 1; n <= 5; n++ {
		b.read(t, b.user(n), 5) // timelines exist
	}
	for range 3 {
		b.publish(star, 1)
		b.publish(small, 1)
	}
	b.deliver(t)
	listed := b.calls["ListFollowers"]
	b.publish(star, 1)
	b.deliver(t)
	if n := b.calls["ListFollowers"] - listed; n != 0 {
		t.Errorf("a video of a marked author walked the followers %d times", n)
	}
	p, ok := b.kept(t, b.user(1))
	if diff := cmp.Diff([]int64{star}, p.pulled); !ok || diff != "" {
		t.Errorf("pulled authors of a timeline (-want +got):\n%s", diff)
	}
	for n := 1; n <= 5; n++ {
		if diff := cmp.Diff(b.feed(b.user(n), 10), b.read(t, b.user(n), 2), entries); diff != "" {
			t.Errorf("feed of user %d (-want +got):\n%s", n, diff)
		}
	}
}

func TestFeedWithoutRedisIsComputed(t *testing.T) {
	t.Parallel()
	closed, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{infratest.Redis(t)}, DisableCache: true, ForceSingleClient: true})
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	b := newBench(t, closed, 1000, 2)
	reader := b.user(1)
	for n := 2; n <= 4; n++ {
		b.follow(reader, b.user(n), true)
		b.publish(b.user(n), 1)
	}
	if diff := cmp.Diff(b.feed(reader, 1000), b.read(t, reader, 2), entries); diff != "" {
		t.Errorf("feed (-want +got):\n%s", diff)
	}
	if err := b.pusher.Handle(t.Context(), b.events); err == nil || bus.IsPoison(err) {
		t.Errorf("an event that Redis did not take: %v, want an error that is tried again", err)
	}
}

func TestReadersAtOnceShareARebuild(t *testing.T) {
	t.Parallel()
	b := newBench(t, newRedis(t), 1000, 100)
	reader := b.user(1)
	b.follow(reader, b.user(2), true)
	b.publish(b.user(2), 1)
	started, release := make(chan struct{}), make(chan struct{})
	b.once("ListFollowing", func() { close(started); <-release })
	var wg sync.WaitGroup
	read := func() {
		got, err := b.svc.entries(context.Background(), reader, nil, 10)
		if diff := cmp.Diff(b.feed(reader, 10), got, entries); err != nil || diff != "" {
			t.Errorf("feed: %v (-want +got):\n%s", err, diff)
		}
	}
	wg.Go(read)
	<-started
	for range 20 {
		wg.Go(read)
	}
	close(release)
	wg.Wait()
	if n := b.calls["ListFollowing"]; n > 5 {
		t.Errorf("21 readers listed the followed %d times", n)
	}
}

func TestWhatCannotBeDecodedIsPoison(t *testing.T) {
	t.Parallel()
	b := newBench(t, newRedis(t), 10, 2)
	for _, topic := range append(Topics(), "another") {
		err := b.pusher.Handle(t.Context(), []bus.Message{{Topic: topic, Value: []byte{0xff}}})
		if !bus.IsPoison(err) {
			t.Errorf("%s: %v, want poison", topic, err)
		}
	}
}

func TestRequestsAreChecked(t *testing.T) {
	t.Parallel()
	b := newBench(t, newRedis(t), 10, 2)
	ctx := as(b.user(1))
	_, anonymous := b.svc.ListFollowingFeed(t.Context(), &feedv1.ListFollowingFeedRequest{})
	_, large := b.svc.ListFollowingFeed(ctx, &feedv1.ListFollowingFeedRequest{PageSize: maxFollowingPage + 1})
	_, token := b.svc.ListFollowingFeed(ctx, &feedv1.ListFollowingFeedRequest{PageToken: "!"})
	_, public := b.svc.ListPublicFeed(ctx, &feedv1.ListPublicFeedRequest{PageSize: maxPublicPage + 1})
	for name, c := range map[string]struct {
		err  error
		want connect.Code
	}{
		"no viewer":        {anonymous, connect.CodeUnauthenticated},
		"page too large":   {large, connect.CodeInvalidArgument},
		"not a token":      {token, connect.CodeInvalidArgument},
		"public too large": {public, connect.CodeInvalidArgument},
	} {
		if got := fault.CodeOf(c.err); got != c.want {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
}

func TestPublicFeedGoesOnAtItsLastTime(t *testing.T) {
	t.Parallel()
	b := newBench(t, newRedis(t), 10, 2)
	for range 7 {
		b.publish(b.user(1), 1)
	}
	var got []int64
	for before := int64(0); ; {
		res, err := b.svc.ListPublicFeed(t.Context(), &feedv1.ListPublicFeedRequest{BeforeMs: before, PageSize: 3})
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Entries) == 0 {
			break
		}
		for _, e := range res.Entries {
			got = append(got, e.VideoId)
			before = e.PublishedAtMs
		}
	}
	if diff := cmp.Diff([]int64{7, 6, 5, 4, 3, 2, 1}, got); diff != "" {
		t.Errorf("feed (-want +got):\n%s", diff)
	}
}

func TestAfterGoesOnBehindAVanishedEntry(t *testing.T) {
	t.Parallel()
	list := []entry{{5, 30}, {4, 20}, {2, 20}, {1, 10}}
	got := after(list, &page.Cursor{Time: 20, ID: 3})
	if diff := cmp.Diff(list[2:], got, entries); diff != "" {
		t.Errorf("rest (-want +got):\n%s", diff)
	}
}

// TestVideoDeletedWhileItIsPushedIsGone: the deletion is handled while there is
// no timeline that could remember it, the timeline is rebuilt, then the push arrives.
func TestVideoDeletedWhileItIsPushedIsGone(t *testing.T) {
	t.Parallel()
	b := newBench(t, newRedis(t), 10, 100)
	reader, author := b.user(1), b.user(2)
	b.follow(reader, author, true)
	b.deliver(t)
	video := b.publish(author, 1)
	b.once("ListFollowers", func() {
		b.remove(video)
		b.deliver(t)
		b.read(t, reader, 5)
	})
	b.deliver(t)
	if got := b.read(t, reader, 5); len(got) != 0 {
		t.Errorf("a deleted video is in the feed: %v", got)
	}
}

func TestDeletionFromAFullFeedBringsBackTheNextOlder(t *testing.T) {
	t.Parallel()
	b := newBench(t, newRedis(t), 3, 100)
	reader, author := b.user(1), b.user(2)
	b.follow(reader, author, true)
	b.deliver(t)
	b.read(t, reader, 5)
	for range 5 {
		b.publish(author, 1)
	}
	b.deliver(t)
	b.remove(4)
	b.deliver(t)
	if diff := cmp.Diff(b.feed(reader, 3), b.read(t, reader, 5), entries); diff != "" {
		t.Errorf("feed (-want +got):\n%s", diff)
	}
}

// TestTimelineMadeBehindTheMarkingIsMarked: the walk over the followers has
// passed a reader when the reader's timeline is made.
func TestTimelineMadeBehindTheMarkingIsMarked(t *testing.T) {
	t.Parallel()
	b := newBench(t, newRedis(t), 10, 0)
	star := b.user(9)
	for n := 1; n <= 4; n++ {
		b.follow(b.user(n), star, true)
	}
	b.deliver(t)
	b.publish(star, 1)
	listed := 0
	b.between = func(call string) {
		if call != "ListFollowers" {
			return
		}
		if listed++; listed == 3 { // once to count, then the second page of the walk
			b.read(t, b.user(1), 5)
		}
	}
	b.deliver(t)
	b.publish(star, 1)
	b.deliver(t)
	if diff := cmp.Diff(b.feed(b.user(1), 10), b.read(t, b.user(1), 5), entries); diff != "" {
		t.Errorf("feed (-want +got):\n%s", diff)
	}
}

// Redis forgets in the middle of the marking that an author is pulled, and a
// timeline is made that does not know. The walk must not end as if it had
// reached all: it begins anew.
func TestForgottenMarkingBeginsAnew(t *testing.T) {
	t.Parallel()
	redis := newRedis(t)
	b := newBench(t, redis, 10, 0)
	star := b.user(9)
	for n := 1; n <= 4; n++ {
		b.follow(b.user(n), star, true)
	}
	b.deliver(t)
	b.publish(star, 1)
	listed := 0
	b.between = func(call string) {
		if call != "ListFollowers" {
			return
		}
		if listed++; listed == 3 { // as above: user 1 is behind the walk
			if err := redis.Do(t.Context(), redis.B().Hdel().Key(pulledKey).Field(decimal(star)).Build()).Error(); err != nil {
				t.Error(err)
			}
			b.read(t, b.user(1), 5)
		}
	}
	b.deliver(t)
	b.publish(star, 1)
	b.deliver(t)
	if diff := cmp.Diff(b.feed(b.user(1), 10), b.read(t, b.user(1), 5), entries); diff != "" {
		t.Errorf("feed (-want +got):\n%s", diff)
	}
}
