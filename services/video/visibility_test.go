package video

import (
	"context"
	"slices"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/video/cliptest"
)

const (
	public      = videov1.Visibility_VISIBILITY_PUBLIC
	toFollowers = videov1.Visibility_VISIBILITY_FOLLOWERS
	toFriends   = videov1.Visibility_VISIBILITY_FRIENDS
	unlisted    = videov1.Visibility_VISIBILITY_UNLISTED
	private     = videov1.Visibility_VISIBILITY_PRIVATE
)

// The viewers of the tests: 0 is a guest.
const (
	guest    = int64(0)
	stranger = int64(101)
	follower = int64(102) // follows the author
	followed = int64(103) // is followed by the author
	friend   = int64(104)
)

// befriend makes the viewers what their names say.
func (b *bench) befriend() {
	b.follows[[2]int64{follower, author}] = true
	b.follows[[2]int64{author, followed}] = true
	b.follows[[2]int64{friend, author}], b.follows[[2]int64{author, friend}] = true, true
}

func asViewer(t *testing.T, viewer int64) context.Context {
	if viewer == guest {
		return t.Context()
	}
	return as(t.Context(), viewer)
}

// seenBy is who may see a video besides its author, and listedTo whose list of the author has it.
var (
	seenBy = map[videov1.Visibility][]int64{
		public: {guest, stranger, follower, followed, friend}, unlisted: {guest, stranger, follower, followed, friend},
		toFollowers: {follower, friend}, toFriends: {friend}, private: {},
	}
	listedTo = map[videov1.Visibility][]int64{public: seenBy[public], toFollowers: seenBy[toFollowers], toFriends: seenBy[toFriends]}
)

// Whatever is edited in whatever order, each viewer finds by id and in the lists
// what the table above says.
func TestEveryListShowsWhatItsViewerMaySee(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.befriend()
	first, err := b.ids.Next()
	if err != nil {
		t.Fatal(err)
	}
	const videos = 6
	for id := first; id < first+videos; id++ {
		b.add(t, id, author, id)
	}
	now := map[int64]videov1.Visibility{}
	for id := first; id < first+videos; id++ {
		now[id] = public
	}
	all := slices.Sorted(func(yield func(int64) bool) {
		for id := range now {
			if !yield(id) {
				return
			}
		}
	})
	rapid.Check(t, func(r *rapid.T) {
		for range rapid.IntRange(1, 4).Draw(r, "edits") {
			id := first + rapid.Int64Range(0, videos-1).Draw(r, "video")
			now[id] = rapid.SampledFrom([]videov1.Visibility{public, toFollowers, toFriends, unlisted, private}).Draw(r, "visibility")
			if _, err := b.UpdateVideo(as(t.Context(), author), &videov1.UpdateVideoRequest{VideoId: id, Visibility: now[id]}); err != nil {
				r.Fatal(err)
			}
		}
		for _, viewer := range []int64{guest, stranger, follower, followed, friend, author} {
			allowed := func(table map[videov1.Visibility][]int64) (ids []int64) {
				for _, id := range all {
					if viewer == author || slices.Contains(table[now[id]], viewer) {
						ids = append(ids, id)
					}
				}
				return ids
			}
			visible, err := b.BatchCheckVisible(t.Context(), &videov1.BatchCheckVisibleRequest{ViewerId: viewer, VideoIds: append(slices.Clone(all), 1<<52+1)})
			if err != nil {
				r.Fatal(err)
			}
			if diff := cmp.Diff(allowed(seenBy), slices.Sorted(slices.Values(visible.GetVisibleVideoIds()))); diff != "" {
				r.Errorf("visible to %d (-want +got):\n%s", viewer, diff)
			}
			var list []int64
			for token := ""; ; {
				res, err := b.ListAuthorVideos(asViewer(t, viewer), &videov1.ListAuthorVideosRequest{AuthorId: author, PageSize: 2, PageToken: token})
				if err != nil {
					r.Fatal(err)
				}
				list = append(list, idsOf(res.GetVideos())...)
				if token = res.GetNextPageToken(); token == "" {
					break
				}
				if len(res.GetVideos()) != 2 {
					r.Errorf("a page of 2 has %d videos, and another one follows", len(res.GetVideos()))
				}
			}
			slices.Reverse(list)
			if diff := cmp.Diff(allowed(listedTo), list); diff != "" {
				r.Errorf("the author's list to %d (-want +got):\n%s", viewer, diff)
			}
		}
		of := func(visibilities ...videov1.Visibility) (ids []int64) {
			for _, id := range all {
				if slices.Contains(visibilities, now[id]) {
					ids = append(ids, id)
				}
			}
			slices.Reverse(ids)
			return ids
		}
		recent, err := b.ListRecentVideos(as(t.Context(), author), &videov1.ListRecentVideosRequest{})
		if err != nil {
			r.Fatal(err)
		}
		if diff := cmp.Diff(of(public), idsOf(recent.GetVideos())); diff != "" {
			r.Errorf("the public list, to its author (-want +got):\n%s", diff)
		}
		many := make([]int64, fewAuthors+1)
		for i := range many {
			many[i] = author + int64(i)
		}
		for _, authors := range [][]int64{{author}, many} {
			fed, err := b.ListVideosByAuthors(t.Context(), &videov1.ListVideosByAuthorsRequest{AuthorIds: authors})
			if err != nil {
				r.Fatal(err)
			}
			if diff := cmp.Diff(of(public, toFollowers, toFriends), idsOf(fed.GetVideos())); diff != "" {
				r.Errorf("following feeds of %d authors (-want +got):\n%s", len(authors), diff)
			}
		}
		tally, err := b.TallyAuthors(t.Context(), &videov1.TallyAuthorsRequest{Limit: 10})
		if err != nil {
			r.Fatal(err)
		}
		var works int64
		for _, a := range tally.GetTallies() {
			works += a.GetWorkCount()
		}
		if want := int64(len(of(public))); works != want {
			r.Errorf("%d works are counted of %d public videos", works, want)
		}
	})
}

func edits(t *testing.T, b *bench) (events []*videov1.VideoChanged) {
	t.Helper()
	rows, err := b.db.RW().Query(t.Context(), `SELECT payload FROM outbox WHERE topic = $1 ORDER BY id`, outbox.Topic(&videov1.VideoChanged{}))
	if err != nil {
		t.Fatal(err)
	}
	payloads, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		t.Fatal(err)
	}
	for _, payload := range payloads {
		e := &videov1.VideoChanged{}
		if err := proto.Unmarshal(payload, e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

func TestEditChangesWhatItNamesAndAnnouncesChangesAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	id, err := b.ids.Next()
	if err != nil {
		t.Fatal(err)
	}
	b.add(t, id, author, 5)
	for _, req := range []*videov1.UpdateVideoRequest{
		{Title: proto.String("a"), IdempotencyKey: "k"},
		{Title: proto.String("a"), IdempotencyKey: "k"}, // the same request once more
		{Title: proto.String("b"), Visibility: toFriends},
		{Title: proto.String("a"), IdempotencyKey: "k"}, // an old answer, and no change
		{},
		{Title: proto.String("b"), Visibility: toFriends},
		{Visibility: public},
	} {
		req.VideoId = id
		if _, err := b.UpdateVideo(as(t.Context(), author), req); err != nil {
			t.Fatalf("%v: %v", req, err)
		}
	}
	event := func(now, before videov1.Visibility) *videov1.VideoChanged {
		return &videov1.VideoChanged{
			VideoId: id, AuthorId: author, PublishedAtMs: 5, State: videov1.VideoState_VIDEO_STATE_EDITED, Visibility: now, PreviousVisibility: before,
		}
	}
	want := []*videov1.VideoChanged{event(public, public), event(toFriends, public), event(public, toFriends)}
	if diff := cmp.Diff(want, edits(t, b), protocmp.Transform()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	videos, err := b.byIDs(t.Context(), []int64{id})
	if err != nil || len(videos) != 1 {
		t.Fatal(videos, err)
	}
	if v := videos[0]; v.GetTitle() != "b" || v.GetVisibility() != public || v.GetRestricted() || v.GetVersion() != 4 {
		t.Errorf("after the edits: %v", v)
	}
}

func TestEditIsRefusedByName(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	id, err := b.ids.Next()
	if err != nil {
		t.Fatal(err)
	}
	b.add(t, id, author, 5)
	for field, req := range map[string]*videov1.UpdateVideoRequest{
		"title":      {VideoId: id, Title: proto.String(string(make([]byte, 3)))},
		"visibility": {VideoId: id, Visibility: 6},
	} {
		_, err := b.UpdateVideo(as(t.Context(), author), req)
		if f, ok := fault.As(err); !ok || len(f.Violations()) != 1 || f.Violations()[0].Field != field {
			t.Errorf("%v: %v", req, err)
		}
	}
	for viewer, video := range map[int64]int64{stranger: id, author: id + 1} {
		_, err := b.UpdateVideo(as(t.Context(), viewer), &videov1.UpdateVideoRequest{VideoId: video, Visibility: private})
		if !fault.HasReason(err, videov1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND) {
			t.Errorf("video %d of %d: %v", video, viewer, err)
		}
	}
	// A deletion tells a stranger no more.
	remove := func() error {
		_, err := b.DeleteVideo(as(t.Context(), stranger), &videov1.DeleteVideoRequest{VideoId: id})
		return err
	}
	if err := remove(); fault.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("delete another's public video: %v", err)
	}
	if _, err := b.UpdateVideo(as(t.Context(), author), &videov1.UpdateVideoRequest{VideoId: id, Visibility: private}); err != nil {
		t.Fatal(err)
	}
	if err := remove(); !fault.HasReason(err, videov1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND) {
		t.Errorf("delete another's private video: %v", err)
	}
}

func TestVideoIsPublishedForWhoMaySeeIt(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	header := &videov1.PublishVideoHeader{Title: "t", Visibility: private, IdempotencyKey: "k"}
	v, err := b.upload(t.Context(), header, cliptest.H264(t))
	if err != nil {
		t.Fatal(err)
	}
	if !v.GetRestricted() || v.GetVisibility() != private || len(v.GetMediaSecret()) != 32 {
		t.Errorf("published as %v, restricted %v, with a secret of %d bytes", v.GetVisibility(), v.GetRestricted(), len(v.GetMediaSecret()))
	}
	wantVisible := []*videov1.VideoChanged{{
		VideoId: v.GetId(), AuthorId: author, PublishedAtMs: v.GetPublishedAtMs(), State: videov1.VideoState_VIDEO_STATE_PUBLISHED, Visibility: private,
	}}
	if diff := cmp.Diff(wantVisible, edits(t, b), protocmp.Transform()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	recent, err := b.ListRecentVideos(t.Context(), &videov1.ListRecentVideosRequest{})
	if err != nil || len(recent.GetVideos()) != 0 {
		t.Errorf("the public list: %v %v", recent.GetVideos(), err)
	}
	var kept int
	err = b.db.RW().QueryRow(t.Context(), `SELECT count(*) FROM idempotency WHERE position($1::bytea in answer) > 0`, v.GetMediaSecret()).Scan(&kept)
	if err != nil || kept != 0 {
		t.Errorf("answers that hold the secret: %d %v", kept, err)
	}
}
