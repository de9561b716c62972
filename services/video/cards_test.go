package video

import (
	"context"
	"crypto/sha256"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/redis/rueidis"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/pg"
)

// cached is a running instance with copies over the bench's rows.
func (b *bench) cached(t *testing.T, db *pg.DB) *Service {
	t.Helper()
	redis, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{infratest.Redis(t)}, DisableCache: !infratest.RedisTracking(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Close)
	store, err := blob.Open(t.Context(), infratest.S3(t))
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Deps{
		DB: db, Objects: store, WorkDir: b.dir, Limits: DefaultLimits(), IDs: b.ids, Redis: redis, Relations: b.follows,
		Now: func() time.Time { return time.UnixMilli(b.now.Load()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return s
}

// publishTiny publishes as an upload does after its last byte.
func publishTiny(t *testing.T, s *Service) *videov1.Video {
	t.Helper()
	file, err := os.Open("mp4/testdata/tiny.mp4")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.publish(t.Context(), author, &upload{
		header: &videov1.PublishVideoHeader{Title: "t"}, file: file, size: info.Size(), sum: sha256.New(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return res.GetVideo()
}

// visible reports whether an instance shows a video: by its id, and in the list.
func visible(t *testing.T, s *Service, id int64) (card, listed bool) {
	t.Helper()
	cards, err := s.BatchGetVideos(t.Context(), &videov1.BatchGetVideosRequest{Ids: []int64{id}})
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.ListRecentVideos(t.Context(), &videov1.ListRecentVideosRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return len(cards.GetVideos()) == 1, slices.Contains(idsOf(list.GetVideos()), id)
}

func wantVisible(t *testing.T, who string, s *Service, id int64, want bool) {
	t.Helper()
	if card, listed := visible(t, s, id); card != want || listed != want {
		t.Errorf("%s: card %v, listed %v, want %v", who, card, listed, want)
	}
}

// soonVisible waits until an instance has heard of a change.
func soonVisible(t *testing.T, who string, s *Service, id int64, want bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if card, listed := visible(t, s, id); card == want && listed == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s never sees that the video is visible: %v", who, want)
		}
	}
}

// The author sees a publish and a deletion at once, everybody else as soon as
// they have heard of it, whatever they remembered before.
func TestPublishAndDeleteReachEveryInstance(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	writer, reader := b.cached(t, b.db), b.cached(t, b.db)
	next, err := b.ids.Next()
	if err != nil {
		t.Fatal(err)
	}
	wantVisible(t, "the reader, of what is not there yet", reader, next+1, false) // and remembers
	v := publishTiny(t, writer)
	if v.GetId() != next+1 {
		t.Fatalf("published %d, want %d", v.GetId(), next+1)
	}
	wantVisible(t, "the writer after publishing", writer, v.GetId(), true)
	soonVisible(t, "the reader", reader, v.GetId(), true)

	if _, err := writer.DeleteVideo(as(t.Context(), author), &videov1.DeleteVideoRequest{VideoId: v.GetId()}); err != nil {
		t.Fatal(err)
	}
	wantVisible(t, "the writer after deleting", writer, v.GetId(), false)
	soonVisible(t, "the reader", reader, v.GetId(), false)
	// Somebody who read it before the deletion and is late.
	reader.copies.cards.Put(t.Context(), v.GetId(), v)
	wantVisible(t, "the reader after a late writer", reader, v.GetId(), false)
}

// A process that dies between its commit and telling the copies has left an event.
func TestEventRepairsCopiesOfAProcessThatDied(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	died, reader := b.cached(t, b.db), b.cached(t, b.db)
	v := publishTiny(t, died)
	soonVisible(t, "the reader", reader, v.GetId(), true)
	// All that DeleteVideo does up to its commit.
	err := died.db.InTx(t.Context(), func(tx pgx.Tx) error { return deleteVideo(t.Context(), tx, author, v.GetId()) })
	if err != nil {
		t.Fatal(err)
	}
	wantVisible(t, "the reader, behind", reader, v.GetId(), true)
	fresh, err := reader.BatchGetVideos(t.Context(), &videov1.BatchGetVideosRequest{Ids: []int64{v.GetId()}, Fresh: true})
	if err != nil || len(fresh.GetVideos()) != 0 {
		t.Errorf("read fresh: %v, %v", fresh, err)
	}
	event := changed(v, videov1.VideoState_VIDEO_STATE_DELETED)
	value, err := proto.Marshal(event.Message)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.cached(t, b.db).handleChanges(t.Context(), []bus.Message{{Value: value}}); err != nil {
		t.Fatal(err)
	}
	soonVisible(t, "the reader", reader, v.GetId(), false)
	if err := reader.handleChanges(t.Context(), []bus.Message{{Value: []byte{0xff}}}); !bus.IsPoison(err) {
		t.Errorf("an unreadable event: %v", err)
	}
}

// A hot page costs no statement.
func TestHotPageIsReadFromMemory(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for n := range int64(40) {
		b.add(t, 1+n, author, 1000+n)
	}
	s := b.cached(t, b.db)
	page := func(before int64) []int64 {
		list, err := s.ListRecentVideos(t.Context(), &videov1.ListRecentVideosRequest{BeforeMs: before})
		if err != nil {
			t.Fatal(err)
		}
		ids := idsOf(list.GetVideos())
		cards, err := s.BatchGetVideos(t.Context(), &videov1.BatchGetVideosRequest{Ids: ids})
		if err != nil || len(cards.GetVideos()) != len(ids) {
			t.Fatalf("%d cards of %d videos: %v", len(cards.GetVideos()), len(ids), err)
		}
		return ids
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		page(0)
		page(1010)
		before := b.db.RW().Stat().AcquireCount()
		for range 10 {
			page(0)
			page(1 << 50) // what apps send: the time now
			if got := page(1010); len(got) != 10 || got[0] != 10 {
				t.Fatalf("the last page is %v", got)
			}
		}
		if b.db.RW().Stat().AcquireCount() == before {
			return
		}
		if time.Now().After(deadline) { // it takes a moment until the first level is in use
			t.Fatal("hot pages ask Postgres")
		}
	}
}

// The head answers what the table would have answered, or nothing.
func TestHeadAnswersAsTheTableDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var all []*videov1.VideoRef
		at := int64(0)
		for i := range rapid.IntRange(0, 30).Draw(t, "videos") {
			at += rapid.Int64Range(0, 2).Draw(t, "step") // many share a millisecond
			all = append(all, &videov1.VideoRef{Id: int64(i + 1), PublishedAtMs: at + 1})
		}
		slices.SortFunc(all, newestFirst)
		// upTo is the statement: the first of a list, and those that tie with the last of them.
		upTo := func(before int64, limit int) []*videov1.VideoRef {
			rest := slices.DeleteFunc(slices.Clone(all), func(r *videov1.VideoRef) bool { return r.GetPublishedAtMs() >= before })
			for limit < len(rest) && limit > 0 && rest[limit].GetPublishedAtMs() == rest[limit-1].GetPublishedAtMs() {
				limit++
			}
			return rest[:min(limit, len(rest))]
		}
		limit := rapid.IntRange(1, 31).Draw(t, "head")
		h := &head{version: 1, refs: upTo(anyTime, limit)}
		h.whole = len(h.refs) < limit
		b, err := marshalHead(h)
		if err != nil {
			t.Fatal(err)
		}
		if h, err = unmarshalHead(b); err != nil {
			t.Fatal(err)
		}
		before, size := rapid.OneOf(rapid.Just(int64(anyTime)), rapid.Int64Range(1, at+3)).Draw(t, "before"), rapid.IntRange(1, 12).Draw(t, "size")
		got, ok := h.page(before, size)
		if !ok {
			if h.whole || len(upTo(before, size+1)) > 0 && before == anyTime && size < len(h.refs)-1 {
				t.Fatalf("a head of %d does not know a page of %d before %d", len(h.refs), size, before)
			}
			return
		}
		if diff := cmp.Diff(wholeMilliseconds(upTo(before, size+1), size), got, protocmp.Transform()); diff != "" {
			t.Fatalf("page (-table +head):\n%s", diff)
		}
	})
}

// Reads that may follow the reader's own write never ask a replica; the pages
// behind the head of the public list do.
func TestReadsAfterAWriteNeedNoReplica(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	db, err := pg.Open(t.Context(), pg.Config{
		DSN: infratest.Postgres(t), ReadDSN: "postgres://nobody@127.0.0.1:1/nowhere", Service: b.db.Schema(), MaxConns: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	s := b.cached(t, db)
	v := publishTiny(t, s)
	wantVisible(t, "the author", s, v.GetId(), true)
	own, err := s.ListAuthorVideos(t.Context(), &videov1.ListAuthorVideosRequest{AuthorId: author})
	if err != nil || len(own.GetVideos()) != 1 {
		t.Errorf("own videos: %v, %v", own, err)
	}
	together, err := s.ListVideosByAuthors(t.Context(), &videov1.ListVideosByAuthorsRequest{AuthorIds: []int64{author}})
	if err != nil || len(together.GetVideos()) != 1 {
		t.Errorf("videos of authors: %v, %v", together, err)
	}
	if _, err := s.TallyAuthors(t.Context(), &videov1.TallyAuthorsRequest{Limit: 1}); err != nil {
		t.Errorf("tally: %v", err)
	}
	for n := range int64(headSize + 10) {
		b.add(t, 1+n, author, 1000+n)
	}
	if err := s.tell(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ListRecentVideos(t.Context(), &videov1.ListRecentVideosRequest{BeforeMs: 1005}); err == nil {
		t.Error("a page far behind the head was read without the replica")
	}
}

// What is counted is what is there, and says what nobody can have heard of.
func TestTallyCountsPublishedVideos(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for id, by := range map[int64]int64{1: author, 2: author, 3: 20, 4: 30} {
		b.add(t, id, by, 10+id)
	}
	if _, err := b.DeleteVideo(as(t.Context(), author), &videov1.DeleteVideoRequest{VideoId: 1}); err != nil {
		t.Fatal(err)
	}
	got, err := b.TallyAuthors(t.Context(), &videov1.TallyAuthorsRequest{Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	want := &videov1.TallyAuthorsResponse{
		Tallies:        []*videov1.AuthorTally{{AuthorId: author, WorkCount: 1}, {AuthorId: 20, WorkCount: 1}},
		UnannouncedIds: []int64{author},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	rest, err := b.TallyAuthors(t.Context(), &videov1.TallyAuthorsRequest{AfterId: 20, Limit: 2})
	if err != nil || len(rest.GetTallies()) != 1 || rest.GetTallies()[0].GetAuthorId() != 30 {
		t.Errorf("the rest: %v, %v", rest, err)
	}
}
