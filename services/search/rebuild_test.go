package search

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	userv1 "douyin.dev/gen/douyin/user/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
)

// rebuild makes the whole index again.
func (b *bundle) rebuild(t *testing.T) {
	t.Helper()
	if err := b.store.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.rebuildWanted(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (b *bundle) exec(t *testing.T, sql string) {
	t.Helper()
	if _, err := b.db.RW().Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// fill makes some of everything, and indexes it: more than one slice of videos.
func (b *bundle) fill(t *testing.T) {
	t.Helper()
	titles := make([]string, lookup+100)
	for i := range titles {
		titles[i] = fmt.Sprintf("number %d 第%d个 #t%d", i, i, i%7)
	}
	b.publish(t, titles...)
	b.edit(t, 3, func(v *videov1.Video) { v.Visibility = videov1.Visibility_VISIBILITY_PRIVATE })
	delete(b.owners.videos, 4)
	b.handle(t, changed(t, 4))
	for id := int64(1); id <= 3; id++ {
		b.owners.users[id] = &userv1.User{Id: id, Name: fmt.Sprintf("user_%d", id), Version: 1}
		b.handle(t, message(t, &userv1.UserChanged{UserId: id}))
	}
	b.owners.likes[7], b.owners.followers[2] = 1000, 50
	b.popular.add([]int64{7}, []int64{2})
	if err := b.weighOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// What was never announced is in the index as if it had been: accounts of before the
// search service, and everything where the index is new.
func TestAnEmptyIndexIsFilledFromTheOwners(t *testing.T) {
	b := setup(t)
	b.fill(t)
	want := b.rows(t)
	b.exec(t, `TRUNCATE document, tagged, tag`)
	b.rebuild(t)
	// A video that was deleted before is of no owner any more, and leaves no row.
	b.handle(t, changed(t, 4))
	if diff := cmp.Diff(want, b.rows(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestARebuildCorrectsDocumentsAndFindsWhatIsGone(t *testing.T) {
	b := setup(t)
	b.fill(t)
	delete(b.owners.videos, 9) // nobody said so
	b.handle(t, changed(t, 9))
	want := b.rows(t)
	b.exec(t, `UPDATE document SET words = '''wrong''', title = 'wrong' WHERE kind = 2 OR id = 9 OR id % 5 = 0`)
	b.exec(t, `UPDATE document SET version = 1 WHERE id = 9 AND kind = 1`)
	b.rebuild(t)
	if diff := cmp.Diff(want, b.rows(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.rebuild(t)
	if diff := cmp.Diff(want, b.rows(t)); diff != "" {
		t.Errorf("a second time (-want +got):\n%s", diff)
	}
}

// Videos are published, changed, hidden and deleted while the index is made again, and
// searched for: what was there throughout is found throughout, and at the end the index
// is what the owner has.
func TestARebuildUnderWritesLosesNone(t *testing.T) {
	b := setup(t)
	b.fill(t)
	const kept = lookup + 90 // is not written below
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for w := range 4 {
		writers.Go(func() {
			for i := range 60 {
				id := int64(10_000 + w*1000 + i%40) // a new one, or one of before
				b.owners.mu.Lock()
				v := b.owners.videos[id]
				if v == nil {
					v = &videov1.Video{Id: id}
					b.owners.videos[id] = v
				}
				v.Version++
				v.Title = fmt.Sprintf("written %d #w%d", i, i%3)
				v.Visibility = videov1.Visibility_VISIBILITY_PUBLIC
				switch i % 5 {
				case 3:
					v.Visibility = videov1.Visibility_VISIBILITY_FOLLOWERS
				case 4:
					if i >= 40 { // is written no more
						delete(b.owners.videos, id)
					}
				}
				b.owners.mu.Unlock()
				if err := b.indexVideos(t.Context(), []int64{id}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	readers.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if got := b.found(t, fmt.Sprintf("number %d", kept-1)); len(got) != 1 {
					t.Errorf("while the index is rebuilt, a video is found %d times", len(got))
					return
				}
			}
		}
	})
	for range 3 {
		b.rebuild(t)
	}
	writers.Wait()
	b.rebuild(t)
	close(done)
	readers.Wait()

	if diff := cmp.Diff(b.wanted(), b.indexed(t)); diff != "" {
		t.Errorf("(-owner +index):\n%s", diff)
	}
}

// entry is what the index holds of a video that is found.
type entry struct {
	Version int64
	Title   string
	Tags    []string
}

// wanted are the entries of the owner's videos that everybody may see.
func (b *bundle) wanted() map[int64]entry {
	b.owners.mu.Lock()
	defer b.owners.mu.Unlock()
	all := map[int64]entry{}
	for id, v := range b.owners.videos {
		if d := ofTheVideo(id, v); d.words != "" {
			all[id] = entry{d.version, d.title, append([]string{}, d.tags...)}
		}
	}
	return all
}

// indexed are the entries that a search can find.
func (b *bundle) indexed(t *testing.T) map[int64]entry {
	t.Helper()
	rows, err := b.db.RW().Query(t.Context(), `SELECT id, version, title, tags FROM document WHERE kind = 1 AND words <> ''`)
	if err != nil {
		t.Fatal(err)
	}
	all := map[int64]entry{}
	var id int64
	var e entry
	if _, err := pgx.ForEachRow(rows, []any{&id, &e.Version, &e.Title, &e.Tags}, func() error {
		all[id] = entry{e.Version, e.Title, append([]string{}, e.Tags...)}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// A rebuild that ended in the middle goes on there, and one that was asked for in the
// middle begins anew.
func TestARebuildGoesOnWhereItEnded(t *testing.T) {
	b := setup(t)
	b.fill(t)
	b.rebuild(t)
	if err := b.store.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.owners.failAfter(lookup)
	if err := b.rebuildWanted(t.Context()); !errors.Is(err, errOwnerDown) {
		t.Fatalf("with the owner down: %v", err)
	}
	b.owners.failAfter(0)
	before, err := b.store.progress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]progress{{ofVideo, 3, lookup}, {ofUser, 3, 0}}, before); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := b.store.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.store.advance(t.Context(), before[0], complete); err != nil {
		t.Fatal(err)
	}
	if err := b.rebuildWanted(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := b.store.progress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]progress{{ofVideo, 4, complete}, {ofUser, 4, complete}}, after); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if first := b.owners.enumeratedFrom(); first != 0 {
		t.Errorf("what was asked for in the middle began after %d", first)
	}
}

func TestTheCommandEndsWhenTheIndexIsComplete(t *testing.T) {
	b := setup(t)
	b.fill(t)
	b.rebuild(t)
	want := b.rows(t)
	b.exec(t, `UPDATE document SET words = '' WHERE kind = 1`)
	ended := make(chan error, 1)
	go func() { ended <- askForRebuild(t.Context(), b.db, slog.New(slog.DiscardHandler)) }()
	for asked := false; !asked; {
		kinds, err := b.store.progress(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		asked = !allComplete(kinds)
	}
	select {
	case err := <-ended:
		t.Fatalf("the command ended before the rebuild: %v", err)
	default:
	}
	if err := b.rebuildWanted(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, b.rows(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestACommandThatIsStoppedSaysThatTheRebuildGoesOn(t *testing.T) {
	b := setup(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- askForRebuild(ctx, b.db, slog.New(slog.DiscardHandler)) }()
	for asked := false; !asked; {
		kinds, err := b.store.progress(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		asked = kinds[0].Run > 1
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
