package contract_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/test/harness"
)

func (p *person) following(t testing.TB) []int64 {
	t.Helper()
	return userIDs(users(t, p.mustGet(t, "/douyin/relation/follow/list/")))
}

func (p *person) followers(t testing.TB) []int64 {
	t.Helper()
	return userIDs(users(t, p.mustGet(t, "/douyin/relation/follower/list/")))
}

func (p *person) friends(t testing.TB, pairs ...string) []harness.Friend {
	t.Helper()
	var answer struct {
		UserList []harness.Friend `json:"user_list"`
	}
	decode(t, p.mustGet(t, "/douyin/relation/friend/list/", pairs...), &answer)
	return answer.UserList
}

// count reads an answer's count.
func count(t testing.TB, a *harness.Answer) int64 {
	t.Helper()
	number, _ := accepted(t, a).Fields["count"].(json.Number)
	n, err := number.Int64()
	if err != nil {
		t.Errorf("count: %v: %s", err, a)
	}
	return n
}

// follows waits until all places that count a user's follows say the numbers.
func follows(t *testing.T, p *person, following, followers int64) {
	t.Helper()
	harness.Eventually(t, harness.CatchUp, func() error {
		user := p.user(t, p.id)
		got := []int64{
			user.FollowCount, count(t, p.get(t, "/douyin/relation/follow/count/")),
			user.FollowerCount, count(t, anonymous().get(t, "/douyin/relation/follower/count/", "user_id", text(p.id))),
		}
		if want := []int64{following, following, followers, followers}; !slices.Equal(got, want) {
			return fmt.Errorf("counts are %v, want %v", got, want)
		}
		return nil
	})
}

func (p *person) isFollowing(t testing.TB, user int64) bool {
	t.Helper()
	result, _ := p.mustGet(t, "/douyin/relation/isFollow/", "to_user_id", text(user)).Fields["result"].(bool)
	return result
}

func TestFollowIsVisibleInBothListsAtOnce(t *testing.T) {
	t.Parallel()
	all := people(t, 2)
	fan, star := all[0], all[1]
	check := func(want bool) {
		t.Helper()
		if got := slices.Contains(fan.following(t), star.id); got != want {
			t.Errorf("in the follow list: %v, want %v", got, want)
		}
		if got := slices.Contains(star.followers(t), fan.id); got != want {
			t.Errorf("in the follower list: %v, want %v", got, want)
		}
		if got := fan.user(t, star.id).IsFollow; got != want {
			t.Errorf("is_follow: %v, want %v", got, want)
		}
		if got := fan.isFollowing(t, star.id); got != want {
			t.Errorf("isFollow: %v, want %v", got, want)
		}
	}
	check(false)
	fan.follow(t, star.id, "1")
	check(true)
	if star.user(t, fan.id).IsFollow || star.isFollowing(t, fan.id) {
		t.Error("following goes both ways")
	}
	fan.follow(t, star.id, "2")
	check(false)
}

func TestFollowTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	all := people(t, 3)
	fan, star, second := all[0], all[1], all[2]
	fan.follow(t, star.id, "2")
	fan.follow(t, star.id, "1")
	fan.follow(t, star.id, "1")
	second.follow(t, star.id, "1")
	follows(t, star, 0, 2)
	follows(t, fan, 1, 0)
	fan.follow(t, star.id, "2")
	fan.follow(t, star.id, "2")
	follows(t, star, 0, 1)
	follows(t, fan, 0, 0)
}

func TestFollowAndUnfollowHavePlainPaths(t *testing.T) {
	t.Parallel()
	all := people(t, 2)
	fan, star := all[0], all[1]
	fan.mustPost(t, "/douyin/relation/follow/", "to_user_id", text(star.id))
	if !fan.isFollowing(t, star.id) {
		t.Error("does not follow")
	}
	fan.mustPost(t, "/douyin/relation/unfollow/", "to_user_id", text(star.id))
	if fan.isFollowing(t, star.id) {
		t.Error("still follows")
	}
}

func TestNobodyFollowsThemselvesOrNobody(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	for path, params := range map[string][]string{"/douyin/relation/action/": {"action_type", "1"}, "/douyin/relation/follow/": nil} {
		refused(t, p.post(t, path, append([]string{"to_user_id", text(p.id)}, params...)...), 10018)
		refused(t, p.post(t, path, append([]string{"to_user_id", "987654321"}, params...)...), 10013)
	}
	refused(t, p.post(t, "/douyin/relation/action/", "to_user_id", "987654321", "action_type", "2"), 10013)
	if got := p.following(t); len(got) != 0 {
		t.Errorf("follows %v", got)
	}
	follows(t, p, 0, 0)
}

func TestFollowListsAreMostRecentFirst(t *testing.T) {
	t.Parallel()
	all := people(t, 4)
	star, rest := all[0], all[1:]
	var want []int64
	for _, p := range rest {
		p.follow(t, star.id, "1")
		star.follow(t, p.id, "1")
		want = append([]int64{p.id}, want...)
	}
	if got := star.followers(t); !slices.Equal(got, want) {
		t.Errorf("followers are %v, want %v", got, want)
	}
	if got := star.following(t); !slices.Equal(got, want) {
		t.Errorf("following are %v, want %v", got, want)
	}
	if got := userIDs(users(t, anonymous().mustGet(t, "/douyin/relation/follow/list/", "user_id", text(star.id)))); !slices.Equal(got, want) {
		t.Errorf("others see %v, want %v", got, want)
	}
	star.follow(t, rest[0].id, "2")
	star.follow(t, rest[0].id, "1")
	if got := star.following(t)[0]; got != rest[0].id {
		t.Errorf("the first is %d, want the one followed again %d", got, rest[0].id)
	}
}

func TestListsOfOthersShowWhomTheCallerFollows(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	list := users(t, s.reader.mustGet(t, "/douyin/relation/follower/list/", "user_id", text(s.reader.id)))
	if len(list) != 1 || !list[0].IsFollow {
		t.Errorf("got %+v, want the author with is_follow", list)
	}
	if list := users(t, anonymous().mustGet(t, "/douyin/relation/follower/list/", "user_id", text(s.reader.id))); list[0].IsFollow {
		t.Error("an anonymous caller follows somebody")
	}
}

func TestFriendsFollowEachOther(t *testing.T) {
	t.Parallel()
	all := people(t, 4)
	p, friend, followed, follower := all[0], all[1], all[2], all[3]
	p.follow(t, friend.id, "1")
	friend.follow(t, p.id, "1")
	p.follow(t, followed.id, "1")
	follower.follow(t, p.id, "1")
	got := p.friends(t)
	if len(got) != 1 || got[0].ID != friend.id || !got[0].IsFollow {
		t.Errorf("friends are %+v, want %d alone", got, friend.id)
	}
	if got := follower.friends(t, "user_id", text(p.id)); len(got) != 1 || got[0].ID != friend.id {
		t.Errorf("others see %+v, want %d alone", got, friend.id)
	}
	friend.follow(t, p.id, "2")
	if got := p.friends(t); len(got) != 0 {
		t.Errorf("friends are still %+v", got)
	}
}

func TestFriendCarriesTheNewestMessage(t *testing.T) {
	t.Parallel()
	all := people(t, 2)
	p, friend := all[0], all[1]
	p.follow(t, friend.id, "1")
	friend.follow(t, p.id, "1")
	check := func(message string, mine, theirs int64) {
		t.Helper()
		type newest struct {
			Message string
			MsgType int64
		}
		got := map[string]newest{}
		for name, side := range map[string]*person{"mine": p, "theirs": friend} {
			list := side.friends(t)
			if len(list) != 1 {
				t.Fatalf("%s: friends are %+v", name, list)
			}
			got[name] = newest{list[0].Message, list[0].MsgType}
		}
		if diff := cmp.Diff(map[string]newest{"mine": {message, mine}, "theirs": {message, theirs}}, got); diff != "" {
			t.Error(diff)
		}
	}
	check("", 0, 0)
	p.say(t, friend.id, "hello")
	check("hello", 1, 0)
	friend.say(t, p.id, "hello yourself")
	check("hello yourself", 0, 1)
}
