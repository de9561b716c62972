package search

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	searchv1 "douyin.dev/gen/douyin/search/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
)

// tag is a tag with its count.
func (b *bundle) tag(t *testing.T, name string) *searchv1.Tag {
	t.Helper()
	res, err := b.ListTagVideos(t.Context(), &searchv1.ListTagVideosRequest{Tag: name})
	if err != nil {
		t.Fatal(err)
	}
	return res.GetTag()
}

// ofTag are the videos of a tag, on all pages.
func (b *bundle) ofTag(t *testing.T, name string, order searchv1.TagOrder) []int64 {
	t.Helper()
	var ids []int64
	for token := ""; ; {
		res, err := b.ListTagVideos(t.Context(), &searchv1.ListTagVideosRequest{Tag: name, Order: order, PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, res.GetVideoIds()...)
		if token = res.GetNextPageToken(); token == "" {
			return ids
		}
	}
}

func TestATagListsItsVideos(t *testing.T) {
	b := setup(t)
	b.publish(t, "#Cats one", "two #cats #cats", "three #dogs", "four ＃ＣＡＴＳ", "cats")
	b.owners.likes[1], b.owners.likes[2] = 100, 10
	b.popular.add([]int64{1, 2}, nil)
	if err := b.weighOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	const newest, top = searchv1.TagOrder_TAG_ORDER_UNSPECIFIED, searchv1.TagOrder_TAG_ORDER_TOP
	if got, want := b.ofTag(t, "#CATS", newest), []int64{4, 2, 1}; !slices.Equal(got, want) {
		t.Errorf("newest: %v, want %v", got, want)
	}
	if got, want := b.ofTag(t, "cats", top), []int64{1, 2, 4}; !slices.Equal(got, want) {
		t.Errorf("top: %v, want %v", got, want)
	}
	b.edit(t, 4, func(v *videov1.Video) { v.Title = "four #dogs" })
	if got, want := b.ofTag(t, "cats", newest), []int64{2, 1}; !slices.Equal(got, want) {
		t.Errorf("after an edit: %v, want %v", got, want)
	}
	if got := b.tag(t, "cats").GetVideoCount(); got != 2 {
		t.Errorf("count %d, want 2", got)
	}
	if got := b.tag(t, "none").GetVideoCount(); got != 0 {
		t.Errorf("count of no tag is %d", got)
	}
}

func TestTagsThatBeginWithATextTheLargestFirst(t *testing.T) {
	b := setup(t)
	b.publish(t, "#cat", "#cats", "#cats", "#category", "#c_t", "#dog", "#cats #cat", "#cats")
	for text, want := range map[string][]string{
		"cat": {"cat", "cats", "category"}, "#Cats": {"cats"}, "c_": {"c_t"}, "x": nil, "!": nil,
	} {
		res, err := b.SearchTags(t.Context(), &searchv1.SearchTagsRequest{Text: text})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, tag := range res.GetTags() {
			got = append(got, tag.GetName())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

// Whatever meets whatever, a tag counts the videos that carry it.
func TestCountsOfTagsAreExactWhileVideosChangeAtOnce(t *testing.T) {
	b := setup(t)
	const videos, writers, rounds = 12, 4, 25
	titles := make([]string, videos)
	b.publish(t, titles...)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for r := range rounds {
				id := int64(1 + (w*7+r*5)%videos)
				b.owners.mu.Lock()
				v := b.owners.videos[id]
				v.Title = fmt.Sprintf("#t%d #t%d", (w+r)%5, r%3)
				v.Version++
				b.owners.mu.Unlock()
				if err := b.indexVideos(t.Context(), []int64{id, 1 + id%videos}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for n := range 5 {
		name := fmt.Sprintf("t%d", n)
		want := int64(0)
		for _, v := range b.owners.videos {
			if d := ofTheVideo(v.GetId(), v); slices.Contains(d.tags, name) {
				want++
			}
		}
		if got := b.tag(t, name).GetVideoCount(); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
		if got := int64(len(b.ofTag(t, name, searchv1.TagOrder_TAG_ORDER_UNSPECIFIED))); got != want {
			t.Errorf("%s lists %d, want %d", name, got, want)
		}
	}
}
