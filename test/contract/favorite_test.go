package contract_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"douyin.dev/test/harness"
)

// likes waits until the counters around a video say a number, and checks that
// none is negative on the way (lint does).
func likes(t *testing.T, author *person, video, want int64) {
	t.Helper()
	harness.Eventually(t, harness.CatchUp, func() error {
		for _, v := range author.published(t) {
			if v.ID == video && v.FavoriteCount != want {
				return fmt.Errorf("favorite_count is %d, want %d", v.FavoriteCount, want)
			}
		}
		if got := author.user(t, author.id).TotalFavorited; got != want {
			return fmt.Errorf("total_favorited is %d, want %d", got, want)
		}
		return nil
	})
}

func likesGiven(t *testing.T, p *person, want int64) {
	t.Helper()
	harness.Eventually(t, harness.CatchUp, func() error {
		if got := p.user(t, p.id).FavoriteCount; got != want {
			return fmt.Errorf("favorite_count of the user is %d, want %d", got, want)
		}
		return nil
	})
}

func TestLikeTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	all := people(t, 2)
	author, fan := all[0], all[1]
	video := author.publish(t)
	fan.like(t, video.ID, "1")
	fan.like(t, video.ID, "1")
	author.like(t, video.ID, "1") // a second like shows that the first ones were counted
	likes(t, author, video.ID, 2)
	likesGiven(t, fan, 1)
}

func TestUnlikeTwiceCountsOnceAndNeverBelowZero(t *testing.T) {
	t.Parallel()
	all := people(t, 2)
	author, fan := all[0], all[1]
	video := author.publish(t)
	fan.like(t, video.ID, "2")
	fan.like(t, video.ID, "1")
	fan.like(t, video.ID, "2")
	fan.like(t, video.ID, "2")
	if got := fan.liked(t); len(got) != 0 {
		t.Errorf("still liked: %v", videoIDs(got))
	}
	author.like(t, video.ID, "1")
	likes(t, author, video.ID, 1)
	likesGiven(t, fan, 0)
}

func TestLikeIsVisibleToTheActorAtOnce(t *testing.T) {
	t.Parallel()
	all := people(t, 2)
	author, fan := all[0], all[1]
	video := author.publish(t)
	check := func(want bool) {
		t.Helper()
		if got := slices.Contains(videoIDs(fan.liked(t)), video.ID); got != want {
			t.Errorf("in favorite/list: %v, want %v", got, want)
		}
		if got := videos(t, fan.mustGet(t, "/douyin/publish/list/", "user_id", text(author.id)))[0].IsFavorite; got != want {
			t.Errorf("is_favorite in publish/list: %v, want %v", got, want)
		}
		if got := fan.feed(t, text(video.CreateTime+1)).VideoList[0]; got.ID != video.ID || got.IsFavorite != want {
			t.Errorf("is_favorite in the feed: %v, want %v", got.IsFavorite, want)
		}
	}
	check(false)
	fan.like(t, video.ID, "1")
	check(true)
	fan.like(t, video.ID, "2")
	check(false)
}

func TestLikedListIsMostRecentlyLikedFirst(t *testing.T) {
	t.Parallel()
	all := people(t, 2)
	author, fan := all[0], all[1]
	first, second, third := author.publish(t).ID, author.publish(t).ID, author.publish(t).ID
	for _, video := range []int64{second, first, third} {
		fan.like(t, video, "1")
	}
	want := func(want ...int64) {
		t.Helper()
		if got := videoIDs(fan.liked(t)); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		others := anonymous().mustGet(t, "/douyin/favorite/list/", "user_id", text(fan.id))
		if got := videoIDs(videos(t, others)); !slices.Equal(got, want) {
			t.Errorf("others see %v, want %v", got, want)
		}
	}
	want(third, first, second)
	fan.like(t, first, "1") // changes nothing
	want(third, first, second)
	fan.like(t, second, "2")
	fan.like(t, second, "1")
	want(second, third, first)
}

func TestLikeOfAnUnknownVideoIsRefused(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	for _, action := range []string{"1", "2"} {
		refused(t, p.post(t, "/douyin/favorite/action/", "video_id", "987654321", "action_type", action), 10016)
	}
	refused(t, p.post(t, "/douyin/favorite/action/", "video_id", "0", "action_type", "1"), 10016, 40002)
	if got := p.liked(t); len(got) != 0 {
		t.Errorf("likes %v", videoIDs(got))
	}
}

func TestActionTypeIsOneOfTheKnown(t *testing.T) {
	t.Parallel()
	s, p := theStage(t), newPerson(t)
	video, user := text(s.crowded.ID), text(s.crowd.id)
	for path, params := range map[string][]string{
		"/douyin/favorite/action/": {"video_id", video},
		"/douyin/comment/action/":  {"video_id", video, "comment_text", "x", "comment_id", "1"},
		"/douyin/relation/action/": {"to_user_id", user},
		"/douyin/message/action/":  {"to_user_id", user, "content", "x"},
	} {
		for _, action := range []string{"", "0", "3", "-1", "like", "1/x", "01x"} {
			answer := p.post(t, path, append(slices.Clone(params), "action_type", action)...)
			refused(t, answer, 40002)
			if !strings.Contains(answer.Message(), "action_type") {
				t.Errorf("action_type %q is not named: %s", action, answer)
			}
		}
	}
	refused(t, p.post(t, "/douyin/message/action/", "to_user_id", user, "content", "x", "action_type", "2"), 40002)
}

func TestManyLikesAtOnceAreCountedExactly(t *testing.T) {
	t.Parallel()
	const fans = 8
	author := newPerson(t)
	video := author.publish(t)
	all := people(t, fans)
	var group sync.WaitGroup
	for i, fan := range all {
		group.Go(func() {
			for _, action := range []string{"1", "2", "1", "1"} {
				fan.like(t, video.ID, action)
			}
			if i%2 == 1 {
				fan.like(t, video.ID, "2")
			}
		})
	}
	group.Wait()
	likes(t, author, video.ID, fans/2)
}

func TestOneUsersRacingLikesCountOnce(t *testing.T) {
	t.Parallel()
	all := people(t, 2)
	author, fan := all[0], all[1]
	video := author.publish(t)
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() { fan.like(t, video.ID, "1") })
	}
	group.Wait()
	if got := videoIDs(fan.liked(t)); !slices.Equal(got, []int64{video.ID}) {
		t.Errorf("liked list is %v", got)
	}
	author.like(t, video.ID, "1")
	likes(t, author, video.ID, 2)
	likesGiven(t, fan, 1)
}
