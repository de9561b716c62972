package search

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	searchv1 "douyin.dev/gen/douyin/search/v1"
	userv1 "douyin.dev/gen/douyin/user/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
)

func TestVideosAreFoundByWordsAndPartsOfRuns(t *testing.T) {
	b := setup(t)
	b.publish(t,
		"Northern lights over the ridge", // 1
		"北极光照亮了山脊",                       // 2
		"Lights out",                     // 3
		"我的貓很可愛 cute cat",                // 4
		"東京タワーの夜景",                       // 5
		"서울의 밤거리",                        // 6
		"Ｃａｆé im ＳＯＭＭＥＲ",                 // 7
	)
	for text, want := range map[string][]int64{
		"lights":             {3, 1},
		"LIGHTS ridge":       {1},
		"lights out":         {3},
		"北极":                 {2},
		"光照亮":                {2},
		"极亮":                 nil, // no neighbours
		"猫":                  {4},
		"可爱":                 {4}, // written in traditional characters
		"cat 可愛":             {4},
		"夜景":                 {5},
		"タワー":                {5},
		"밤거":                 {6},
		"cafe":               nil,
		"café sommer":        {7},
		"ridge nothing":      {1}, // some of the words
		"!!":                 nil,
		"' | 'lights":        {3, 1},
		"lights:* | !ridge":  {1}, // signs are no operators
		`\'; DROP TABLE x--`: nil,
		"  lights  ":         {3, 1},
	} {
		if got := b.found(t, text); !slices.Equal(got, want) {
			t.Errorf("%q finds %v, want %v", text, got, want)
		}
	}
}

func TestTheExactTitleIsFirstThenTheMostPopularThenTheNewest(t *testing.T) {
	b := setup(t)
	b.publish(t, "Sea", "sea at night", "the sea", "deep sea")
	b.owners.likes[2] = 3
	b.popular.add([]int64{2}, nil)
	if err := b.weighOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := b.found(t, "SEA"), []int64{1, 2, 4, 3}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	b.owners.likes[2] = 0 // weights never fall: a page's results would come again on the next
	b.popular.add([]int64{2}, nil)
	if err := b.weighOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := b.found(t, "SEA"), []int64{1, 2, 4, 3}; !slices.Equal(got, want) {
		t.Errorf("after likes went: %v, want %v", got, want)
	}
}

func TestPagesRepeatNothingWhileVideosBecomePopular(t *testing.T) {
	b := setup(t)
	titles := make([]string, 60)
	for i := range titles {
		titles[i] = fmt.Sprintf("wave %d", i)
	}
	b.publish(t, titles...)
	seen := map[int64]bool{}
	for token := ""; ; {
		res, err := b.SearchVideos(t.Context(), &searchv1.SearchVideosRequest{Text: "wave", PageSize: 10, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range res.GetVideoIds() {
			if seen[id] {
				t.Errorf("%d is shown twice", id)
			}
			seen[id] = true
		}
		shown := res.GetVideoIds()[rand.N(len(res.GetVideoIds()))]
		b.owners.likes[shown] += 50
		b.popular.add([]int64{shown}, nil)
		if err := b.weighOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		if token = res.GetNextPageToken(); token == "" {
			break
		}
	}
	if len(seen) != len(titles) {
		t.Errorf("%d of %d were shown", len(seen), len(titles))
	}
}

func TestWhatNotEverybodyMaySeeIsNeitherFoundNorCounted(t *testing.T) {
	b := setup(t)
	b.publish(t, "#secret plan", "#secret place")
	for visibility := range videov1.Visibility_name {
		hidden := visibility > int32(videov1.Visibility_VISIBILITY_PUBLIC)
		b.edit(t, 1, func(v *videov1.Video) { v.Visibility = videov1.Visibility(visibility) })
		want, count := []int64{2, 1}, int64(2)
		if hidden {
			want, count = []int64{2}, 1
		}
		if got := b.found(t, "secret"); !slices.Equal(got, want) {
			t.Errorf("%v: found %v, want %v", videov1.Visibility(visibility), got, want)
		}
		if tag := b.tag(t, "secret"); tag.GetVideoCount() != count {
			t.Errorf("%v: %d videos of the tag, want %d", videov1.Visibility(visibility), tag.GetVideoCount(), count)
		}
	}
	delete(b.owners.videos, 2)
	b.edit(t, 1, func(v *videov1.Video) { v.Visibility = videov1.Visibility_VISIBILITY_PRIVATE })
	b.handle(t, changed(t, 2))
	if got := b.found(t, "secret"); got != nil {
		t.Errorf("found %v after all went", got)
	}
	res, err := b.SearchTags(t.Context(), &searchv1.SearchTagsRequest{Text: "sec"})
	if err != nil || len(res.GetTags()) != 0 {
		t.Errorf("tags without videos: %v, %v", res, err)
	}
}

func TestALateAnswerOfAnOwnerBringsNothingBack(t *testing.T) {
	b := setup(t)
	b.publish(t, "one #a")
	old := []document{ofTheVideo(1, &videov1.Video{Id: 1, Title: "one #a", Version: 1})}
	b.edit(t, 1, func(v *videov1.Video) { v.Title = "two #b" })
	if err := b.store.index(t.Context(), ofVideo, old); err != nil {
		t.Fatal(err)
	}
	if got := b.found(t, "one"); got != nil {
		t.Errorf("the old title is found: %v", got)
	}
	newest := []document{ofTheVideo(1, b.owners.videos[1])}
	delete(b.owners.videos, 1)
	b.handle(t, changed(t, 1))
	if err := b.store.index(t.Context(), ofVideo, newest); err != nil {
		t.Fatal(err)
	}
	if got := b.found(t, "two"); got != nil {
		t.Errorf("a deleted video is found: %v", got)
	}
}

func TestReplayedEventsChangeNoRow(t *testing.T) {
	b := setup(t)
	b.publish(t, "one #a", "two #a #b", "three")
	b.edit(t, 2, func(v *videov1.Video) { v.Title = "two #c" })
	delete(b.owners.videos, 3)
	b.handle(t, changed(t, 3))
	before := b.rows(t)
	for range 2 {
		b.handle(t, changed(t, 3), changed(t, 1), changed(t, 2), changed(t, 1))
	}
	if diff := cmp.Diff(before, b.rows(t)); diff != "" {
		t.Error(diff)
	}
}

func TestUsersAreFoundWhileTheirNameIsTyped(t *testing.T) {
	b := setup(t)
	var events []*userv1.User
	for i, name := range []string{"demo_tao", "Demo_Taoist", "taoist", "小明", "小明的猫"} {
		id := int64(i + 1)
		b.owners.users[id] = &userv1.User{Id: id, Name: name, Version: 1}
		events = append(events, b.owners.users[id])
	}
	for _, u := range events {
		b.handle(t, message(t, &userv1.UserChanged{UserId: u.GetId()}))
	}
	b.owners.followers[3] = 9
	b.popular.add(nil, []int64{3})
	if err := b.weighOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]int64{
		"tao":       {3, 2, 1},
		"demo_tao":  {1, 2},
		"@demo_TAO": {1, 2},
		"小明":        {4, 5},
		"明的":        {5},
		"x":         nil,
	} {
		res, err := b.SearchUsers(t.Context(), &searchv1.SearchUsersRequest{Text: text})
		if err != nil || !slices.Equal(res.GetUserIds(), want) {
			t.Errorf("%q finds %v, %v, want %v", text, res.GetUserIds(), err, want)
		}
	}
}

func TestBadRequestsNameTheirField(t *testing.T) {
	b := setup(t)
	for name, err := range map[string]error{
		"text": second(b.SearchVideos(t.Context(), &searchv1.SearchVideosRequest{Text: " "})),
		"text is longer": second(b.SearchUsers(t.Context(), &searchv1.SearchUsersRequest{
			Text: strings.Repeat("猫", maxText+1),
		})),
		"page_size":  second(b.SearchVideos(t.Context(), &searchv1.SearchVideosRequest{Text: "a", PageSize: maxPage + 1})),
		"page_token": second(b.SearchVideos(t.Context(), &searchv1.SearchVideosRequest{Text: "a", PageToken: "x"})),
		"tag":        second(b.ListTagVideos(t.Context(), &searchv1.ListTagVideosRequest{Tag: "a b"})),
	} {
		if fault.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
