package video

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/page"
	"douyin.dev/services/platform/pg/pgtest"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func tempFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// add inserts a video without files.
func (b *bench) add(t *testing.T, id, by, at int64) {
	t.Helper()
	v := &videov1.Video{Id: id, AuthorId: by, MediaKey: prefix(id) + "original.mp4", CoverKey: prefix(id) + "cover.jpg", PublishedAtMs: at, Version: 1}
	err := b.db.InTx(t.Context(), func(tx pgx.Tx) error { return insert(t.Context(), tx, v, 1, []byte{1}) })
	if err != nil {
		t.Fatal(err)
	}
}

func idsOf(refs []*videov1.VideoRef) []int64 {
	var ids []int64
	for _, r := range refs {
		ids = append(ids, r.GetId())
	}
	return ids
}

func TestPublishTimesRise(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	start := b.now.Load()
	first, second := b.publishTime(), b.publishTime()
	b.now.Add(-1000) // the clock goes back
	third := b.publishTime()
	if diff := cmp.Diff([]int64{start, start + 1, start + 2}, []int64{first, second, third}); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
}

// TestRecentPagesEndBetweenMilliseconds: with several processes a millisecond
// may hold several videos; paging by the last time still loses none.
func TestRecentPagesEndBetweenMilliseconds(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for id, at := range map[int64]int64{1: 10, 2: 20, 3: 20, 4: 30, 5: 40, 6: 40, 7: 40, 8: 50} {
		b.add(t, id, 1, at)
	}
	for size, want := range map[int32][][]int64{
		1: {{8}, {7, 6, 5}, {4}, {3, 2}, {1}},
		2: {{8}, {7, 6, 5}, {4}, {3, 2}, {1}},
		3: {{8}, {7, 6, 5}, {4, 3, 2}, {1}},
		5: {{8, 7, 6, 5, 4}, {3, 2, 1}},
		8: {{8, 7, 6, 5, 4, 3, 2, 1}},
	} {
		var got [][]int64
		for before := int64(0); ; {
			res, err := b.ListRecentVideos(t.Context(), &videov1.ListRecentVideosRequest{BeforeMs: before, PageSize: size})
			if err != nil {
				t.Fatal(err)
			}
			if len(res.GetVideos()) == 0 {
				break
			}
			got = append(got, idsOf(res.GetVideos()))
			before = res.GetVideos()[len(res.GetVideos())-1].GetPublishedAtMs()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %d (-want +got):\n%s", size, diff)
		}
	}
}

func TestAuthorPagesSkipNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for id := int64(1); id <= 7; id++ {
		b.add(t, id, 1, 10+id/3)
		b.add(t, 100+id, 2, 10)
	}
	var got []int64
	for token := ""; ; {
		res, err := b.ListAuthorVideos(t.Context(), &videov1.ListAuthorVideosRequest{AuthorId: 1, PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, idsOf(res.GetVideos())...)
		if token = res.GetNextPageToken(); token == "" {
			break
		}
	}
	if diff := cmp.Diff([]int64{7, 6, 5, 4, 3, 2, 1}, got); diff != "" {
		t.Errorf("videos (-want +got):\n%s", diff)
	}
}

func TestFewAndManyAuthorsListAlike(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	var few, many []int64
	for a := int64(1); a <= 5; a++ {
		few = append(few, a)
		for n := range int64(4) {
			b.add(t, a*10+n, a, 100+n)
		}
	}
	for a := int64(1); a <= 2*fewAuthors; a++ {
		many = append(many, a)
	}
	for _, before := range []int64{0, 103, 100} {
		x, err := b.ListVideosByAuthors(t.Context(), &videov1.ListVideosByAuthorsRequest{AuthorIds: few, BeforeMs: before, Limit: 7})
		if err != nil {
			t.Fatal(err)
		}
		y, err := b.ListVideosByAuthors(t.Context(), &videov1.ListVideosByAuthorsRequest{AuthorIds: many, BeforeMs: before, Limit: 7})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(idsOf(y.GetVideos()), idsOf(x.GetVideos())); diff != "" {
			t.Errorf("before %d (-many +few):\n%s", before, diff)
		}
		if before != 100 && len(x.GetVideos()) != 7 {
			t.Errorf("before %d: %d videos, want 7", before, len(x.GetVideos()))
		}
	}
}

func TestOnlyTheAuthorDeletesAndOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.add(t, 1, author, 10)
	req := &videov1.DeleteVideoRequest{VideoId: 1}
	if _, err := b.DeleteVideo(as(t.Context(), author+1), req); fault.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("another's video: %v", err)
	}
	if _, err := b.DeleteVideo(t.Context(), req); fault.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("no viewer: %v", err)
	}
	if _, err := b.DeleteVideo(as(t.Context(), author), req); err != nil {
		t.Fatal(err)
	}
	if _, err := b.DeleteVideo(as(t.Context(), author), req); !fault.HasReason(err, videov1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND) {
		t.Errorf("deleted twice: %v", err)
	}
	if n := b.rows(t, "outbox"); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
	res, err := b.ListRecentVideos(t.Context(), &videov1.ListRecentVideosRequest{})
	if err != nil || len(res.GetVideos()) != 0 {
		t.Errorf("a deleted video is listed: %v %v", res, err)
	}
}

// failing is an object store that is down.
type failing struct{ *blob.Store }

func (failing) List(context.Context, string) iter.Seq2[blob.Item, error] {
	return func(yield func(blob.Item, error) bool) { yield(blob.Item{}, errors.New("the store is down")) }
}

// The files of a deleted video are gone when the deletion is answered, all that
// were made of it; a store that is down leaves them to the janitor.
func TestFilesGoWithTheirVideo(t *testing.T) {
	t.Parallel()
	for _, down := range []bool{false, true} {
		b := newBench(t, nil)
		id, err := b.ids.Next()
		if err != nil {
			t.Fatal(err)
		}
		b.add(t, id, author, 10)
		for _, name := range []string{"original.mp4", "cover.jpg", "hls/0.ts"} {
			if err := b.store.Put(t.Context(), prefix(id)+name, bytes.NewReader([]byte("x")), 1, "video/mp4"); err != nil {
				t.Fatal(err)
			}
		}
		left := 0
		if down {
			b.Service.objects, left = failing{b.store}, 3
		}
		if _, err := b.DeleteVideo(as(t.Context(), author), &videov1.DeleteVideoRequest{VideoId: id}); err != nil {
			t.Fatalf("store down %v: %v", down, err)
		}
		if keys := b.objects(t, id); len(keys) != left {
			t.Errorf("store down %v: left are %v", down, keys)
		}
		b.Service.objects = b.store
		if err := b.removeDeleted(t.Context()); err != nil {
			t.Error(err)
		}
		if keys := b.objects(t, id); len(keys) != 0 {
			t.Errorf("after the janitor: left are %v", keys)
		}
	}
}

// TestSweepRemovesWhatBelongsToNoVideo also shows what it leaves alone.
func TestSweepRemovesWhatBelongsToNoVideo(t *testing.T) {
	t.Parallel()
	config := infratestS3(t)
	store, err := blob.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(d *Deps) { d.Objects = onlyBetween{store, base(d)} })
	first, err := b.ids.Next()
	if err != nil {
		t.Fatal(err)
	}
	kept, gone, orphan := first, first+1, first+2
	b.add(t, kept, author, 10)
	b.add(t, gone, author, 20)
	for _, id := range []int64{kept, gone, orphan} {
		for _, name := range []string{"original.mp4", "hls/0.ts"} {
			if err := store.Put(t.Context(), prefix(id)+name, bytes.NewReader([]byte("x")), 1, "video/mp4"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := b.DeleteVideo(as(t.Context(), author), &videov1.DeleteVideoRequest{VideoId: gone}); err != nil {
		t.Fatal(err)
	}
	sweep := func(want ...int) {
		t.Helper()
		if err := b.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := []int{len(b.objects(t, kept)), len(b.objects(t, gone)), len(b.objects(t, orphan))}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("objects of kept, deleted, orphan (-want +got):\n%s", diff)
		}
	}
	sweep(2, 0, 2) // the orphan may be an upload under way
	b.now.Add((orphanAge + time.Minute).Milliseconds())
	sweep(2, 0, 0)
}

// A plan for each page would cost more than reading the page.
func TestPagesOfManyVideosAreNotPlannedEachTime(t *testing.T) {
	b, ctx := newBench(t, nil), t.Context()
	const prolific, pages = 1, 30
	for _, fill := range []string{
		`INSERT INTO video SELECT n, 1, '', '', '', n, 1, 1, 1, 1, '', 1, 1 FROM generate_series(1, 100000) n`,
		`INSERT INTO video SELECT n, n, '', '', '', n, 1, 1, 1, 1, '', 1, 1 FROM generate_series(100001, 103000) n`,
		`ANALYZE video`,
	} {
		if _, err := b.db.RW().Exec(ctx, fill); err != nil {
			t.Fatal(err)
		}
	}
	for range pages {
		if refs, err := b.listedTo(ctx, prolific, page.Cursor{Time: anyTime}, 30); len(refs) != 30 || err != nil {
			t.Fatalf("an author's: %d videos, %v", len(refs), err)
		}
		if refs, err := b.recent(ctx, anyTime, 30); len(refs) != 30 || err != nil {
			t.Fatalf("all: %d videos, %v", len(refs), err)
		}
	}
	for _, list := range []string{"%author_id = $%", "%WITH TIES"} {
		if reused := pgtest.ReusedPlans(t, b.db, list); reused < pages/2 {
			t.Errorf("%s: %d of %d pages were read by a plan that was there", list, reused, pages)
		}
	}
}
