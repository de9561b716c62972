package contract_test

import (
	"fmt"
	"slices"
	"testing"
)

// pagedList is a list that takes page_size and page_token.
type pagedList struct {
	name, path, key string
	caller          *person
	params          []string
	// backwards: each page is ascending, and the next one is older.
	backwards bool
}

// pagedLists fills each list with five items.
func pagedLists(t *testing.T) []pagedList {
	t.Helper()
	const items = 5
	all := people(t, items+1)
	star, fans := all[0], all[1:]
	for i := range items {
		video := star.publish(t).ID
		star.like(t, video, "1")
		fans[i].follow(t, star.id, "1")
		star.follow(t, fans[i].id, "1")
		star.say(t, fans[0].id, fmt.Sprint(i))
	}
	video := star.published(t)[0].ID
	for i := range items {
		star.comment(t, video, fmt.Sprint(i))
	}
	on := []string{"video_id", text(video)}
	return []pagedList{
		{name: "Published", path: "/douyin/publish/list/", key: "video_list", caller: star},
		{name: "Liked", path: "/douyin/favorite/list/", key: "video_list", caller: star},
		{name: "Comments", path: "/douyin/comment/list/", key: "comment_list", caller: star, params: on},
		{name: "Following", path: "/douyin/relation/follow/list/", key: "user_list", caller: star},
		{name: "Followers", path: "/douyin/relation/follower/list/", key: "user_list", caller: star},
		{name: "Friends", path: "/douyin/relation/friend/list/", key: "user_list", caller: star},
		{name: "Chat", path: "/douyin/message/chat/", key: "message_list", caller: star, params: []string{"to_user_id", text(fans[0].id)}, backwards: true},
	}
}

func TestListsComeInPages(t *testing.T) {
	t.Parallel()
	for _, list := range pagedLists(t) {
		t.Run(list.name, func(t *testing.T) {
			t.Parallel()
			whole := list.caller.mustGet(t, list.path, list.params...)
			want := ids(t, whole, list.key)
			if len(want) != 5 {
				t.Fatalf("the whole list has %d items, want 5", len(want))
			}
			if next, ok := whole.Fields["next_page_token"].(string); !ok || next != "" {
				t.Errorf("the whole list has next_page_token %v", whole.Fields["next_page_token"])
			}
			for _, size := range []int{1, 2, 5, 50} {
				if got := list.walk(t, size); !slices.Equal(got, want) {
					t.Errorf("pages of %d give %v, want %v", size, got, want)
				}
			}
		})
	}
}

// walk reads all pages of a size.
func (l pagedList) walk(t *testing.T, size int) []int64 {
	t.Helper()
	var all []int64
	token := ""
	for range 20 {
		answer := l.caller.mustGet(t, l.path, append(slices.Clone(l.params), "page_size", fmt.Sprint(size), "page_token", token)...)
		page := ids(t, answer, l.key)
		if len(page) > size {
			t.Errorf("a page of %d has %d items", size, len(page))
		}
		if l.backwards {
			all = append(page, all...)
		} else {
			all = append(all, page...)
		}
		next, ok := answer.Fields["next_page_token"].(string)
		if !ok {
			t.Fatalf("no next_page_token: %s", answer)
		}
		if next == "" {
			return all
		}
		token = next
	}
	t.Fatal("the pages have no end")
	return nil
}

func TestPageParametersAreChecked(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	for path, params := range map[string][]string{
		"/douyin/feed/following/": nil, "/douyin/publish/list/": nil, "/douyin/favorite/list/": nil,
		"/douyin/comment/list/":         {"video_id", text(s.video.ID)},
		"/douyin/relation/follow/list/": nil, "/douyin/relation/follower/list/": nil, "/douyin/relation/friend/list/": nil,
		"/douyin/message/chat/": {"to_user_id", text(s.author.id)},
	} {
		for size, ok := range map[string]bool{"1": true, "49": true, "50": true, "51": false, "-1": false, "1.5": false, "x": false} {
			answer := s.reader.get(t, path, append(slices.Clone(params), "page_size", size)...)
			if ok {
				accepted(t, answer)
			} else {
				refused(t, answer, 40002)
			}
		}
		for _, token := range []string{"garbage", "AAAA", "%00", "1"} {
			refused(t, s.reader.get(t, path, append(slices.Clone(params), "page_size", "2", "page_token", token)...), 40002)
		}
	}
}

// What is added in front while someone pages must neither repeat nor hide anything.
func TestPagesStandStillWhileItemsAreAdded(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	video := p.publish(t).ID
	var want []int64
	for i := range 6 {
		want = append([]int64{p.comment(t, video, fmt.Sprint(i)).ID}, want...)
	}
	var got []int64
	token := ""
	for {
		answer := p.mustGet(t, "/douyin/comment/list/", "video_id", text(video), "page_size", "2", "page_token", token)
		got = append(got, ids(t, answer, "comment_list")...)
		next, _ := answer.Fields["next_page_token"].(string)
		if next == "" {
			break
		}
		token = next
		p.comment(t, video, "meanwhile")
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
