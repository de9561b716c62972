package scenario

import (
	"fmt"
	"slices"
	"strconv"

	"douyin.dev/test/bench/load"
	"douyin.dev/test/bench/stage"
	"douyin.dev/test/harness"
)

// feedPage is how many videos a page of a feed has.
const feedPage = 30

func reads() []Scenario {
	return []Scenario{
		{
			Name: "feed", Does: "first page of the public feed, 30 videos", Limit: S, Target: Target{0.75, 0.5},
			Open: func(_ *stage.World, host string, _ int) func(int) load.Client {
				request := load.Get(nil, host, "/douyin/feed/", "")
				judge := func(a *harness.Answer) error { return judgeFeed(a, nil, -1) }
				return func(int) load.Client {
					return &client{path: "/douyin/feed/", next: func() ([]byte, func(*harness.Answer) error) { return request, judge }}
				}
			},
		},
		byUser("feed-logged-in", "the same with a token: likes and follows of the viewer", S, Target{0.35, 0.12},
			func(w *stage.World, _ int) string { return "/douyin/feed/?" },
			func(w *stage.World, user int, a *harness.Answer) error { return judgeFeed(a, w, user) }),
		byUser("feed-following", "first page of the feed of followed authors, 30 videos", S, Target{},
			func(*stage.World, int) string { return "/douyin/feed/following/?" }, judgeFollowing),
		byUser("user", "a profile", H, Target{0.3, 0.1},
			func(w *stage.World, user int) string {
				return "/douyin/user/?user_id=" + id(w.Users[other(user)].ID) + "&"
			}, judgeUser),
		byUser("comment-list", "the 10 comments on a video", S, Target{0.25, 0.1},
			func(w *stage.World, user int) string {
				return "/douyin/comment/list/?video_id=" + id(w.Videos[commented(user)].ID) + "&"
			}, judgeComments),
		byUser("chat-poll", "a poll of a conversation, as apps do: 5 messages to the viewer", H, Target{},
			func(w *stage.World, user int) string {
				return "/douyin/message/chat/?pre_msg_time=1&to_user_id=" + id(w.Users[user^1].ID) + "&"
			}, judgeChat),
	}
}

func id(n int64) string { return strconv.FormatInt(n, 10) }

// other is whose profile a user looks at, commented which video's comments.
func other(user int) int     { return (user + 17) % stage.Users }
func commented(user int) int { return user % stage.Commented }

// byUser is a scenario in which random users ask with their tokens. Each user's request is prepared.
func byUser(name, does string, limit Limit, target Target,
	path func(*stage.World, int) string, judge func(*stage.World, int, *harness.Answer) error,
) Scenario {
	return Scenario{
		Name: name, Does: does, Limit: limit, Target: target,
		Open: func(w *stage.World, host string, _ int) func(int) load.Client {
			requests := make([][]byte, len(w.Users))
			judges := make([]func(*harness.Answer) error, len(w.Users))
			for i, u := range w.Users {
				requests[i] = load.Get(nil, host, path(w, i)+u.Query, "")
				judges[i] = func(a *harness.Answer) error { return judge(w, i, a) }
			}
			return func(connection int) load.Client {
				random := stage.Random(name, connection)
				return &client{path: path(w, 0), next: func() ([]byte, func(*harness.Answer) error) {
					user := random.IntN(len(requests))
					return requests[user], judges[user]
				}}
			}
		},
	}
}

type videoList struct {
	Videos []harness.Video `json:"video_list"`
}

// judgeFeed checks a page of the public feed: full, newest first, and with the
// viewer's likes and follows; user is -1 for nobody.
func judgeFeed(a *harness.Answer, w *stage.World, user int) error {
	var list videoList
	if err := a.Decode(&list); err != nil {
		return err
	}
	if len(list.Videos) != feedPage {
		return fmt.Errorf("%d videos, not %d", len(list.Videos), feedPage)
	}
	newestFirst := slices.IsSortedFunc(list.Videos, func(a, b harness.Video) int { return int(b.CreateTime - a.CreateTime) })
	if !newestFirst {
		return fmt.Errorf("not newest first")
	}
	for _, v := range list.Videos {
		liked, followed := false, false
		if w != nil {
			liked, followed = w.Relates(user, v)
		}
		if v.IsFavorite != liked || v.Author.IsFollow != followed {
			return fmt.Errorf("video %d has is_favorite %t and is_follow %t, want %t and %t", v.ID, v.IsFavorite, v.Author.IsFollow, liked, followed)
		}
	}
	return nil
}

// judgeFollowing checks that a following feed has videos of followed authors only.
func judgeFollowing(w *stage.World, user int, a *harness.Answer) error {
	var list videoList
	if err := a.Decode(&list); err != nil {
		return err
	}
	if len(list.Videos) != feedPage {
		return fmt.Errorf("%d videos, not %d", len(list.Videos), feedPage)
	}
	for _, v := range list.Videos {
		if _, followed := w.Relates(user, v); !followed || !v.Author.IsFollow {
			return fmt.Errorf("video %d is of an author that is not followed", v.ID)
		}
	}
	return nil
}

func judgeUser(w *stage.World, user int, a *harness.Answer) error {
	var answer struct{ User harness.User }
	if err := a.Decode(&answer); err != nil {
		return err
	}
	want := w.Users[other(user)]
	if got := answer.User; got.ID != want.ID || got.Name != want.Name || got.IsFollow != w.Followed[user][other(user)] {
		return fmt.Errorf("got user %d %q with is_follow %t", got.ID, got.Name, got.IsFollow)
	}
	return nil
}

func judgeComments(w *stage.World, user int, a *harness.Answer) error {
	var list struct {
		Comments []harness.Comment `json:"comment_list"`
	}
	if err := a.Decode(&list); err != nil {
		return err
	}
	if len(list.Comments) != stage.Comments {
		return fmt.Errorf("%d comments, not %d", len(list.Comments), stage.Comments)
	}
	video := commented(user)
	for i, c := range list.Comments {
		n := stage.Comments - 1 - i // newest first
		if author := w.Users[(video+n)%stage.Users]; c.Content != stage.CommentText(video, n) || c.User.ID != author.ID || c.User.Name != author.Name {
			return fmt.Errorf("comment %d is %q of %q", i, c.Content, c.User.Name)
		}
	}
	return nil
}

// judgeChat checks a poll: what the other of the pair has sent.
func judgeChat(w *stage.World, user int, a *harness.Answer) error {
	var list struct {
		Messages []harness.Message `json:"message_list"`
	}
	if err := a.Decode(&list); err != nil {
		return err
	}
	if len(list.Messages) != stage.Chat/2 {
		return fmt.Errorf("%d messages, not %d", len(list.Messages), stage.Chat/2)
	}
	for i, m := range list.Messages {
		n := 2*i + 1 - user%2 // the even ones are from the even user
		if m.Content != stage.ChatText(user/2, n) || m.ToUserID != w.Users[user].ID {
			return fmt.Errorf("message %d is %q to %d", i, m.Content, m.ToUserID)
		}
	}
	return nil
}
