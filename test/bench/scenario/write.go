package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"

	"douyin.dev/test/bench/load"
	"douyin.dev/test/bench/stage"
	"douyin.dev/test/harness"
)

const formType = "application/x-www-form-urlencoded"

func writes() []Scenario {
	return []Scenario{
		{
			Name: "favorite", Does: "like or unlike a random pair; each changes a row and announces it", Limit: W, Target: Target{0.25, 0.1}, Writes: true,
			Open: toggles("favorite", "/douyin/favorite/action/", "video_id", 0, stage.Videos,
				func(w *stage.World) [][]bool { return w.Liked }, func(w *stage.World, i int) int64 { return w.Videos[i].ID }),
			Verify: verifyLikes,
		},
		{
			Name: "comment", Does: "comment on a random video", Limit: W, Target: Target{0.2, 0.08}, Writes: true,
			Open: texts("comment", "/douyin/comment/action/", "comment_text", "video_id",
				func(w *stage.World, r *rand.Rand, _ int) int64 {
					return w.Videos[stage.Commented+r.IntN(stage.Videos-stage.Commented)].ID
				}, judgeComment),
		},
		{
			// Users without videos: following feeds stay as they are.
			Name: "relation", Does: "follow or unfollow a random pair", Limit: W, Target: Target{0.2, 0.08}, Writes: true,
			Open: toggles("relation", "/douyin/relation/action/", "to_user_id", stage.Videos, stage.Users-stage.Videos,
				func(w *stage.World) [][]bool { return w.Followed }, func(w *stage.World, i int) int64 { return w.Users[i].ID }),
			Verify: verifyFollows,
		},
		{
			Name: "message", Does: "send a message to a random user", Limit: W, Target: Target{0.2, 0.08}, Writes: true,
			Open: texts("message", "/douyin/message/action/", "content", "to_user_id",
				func(w *stage.World, r *rand.Rand, from int) int64 {
					// Neither oneself nor the other of the pair, whose conversation is what chat-poll reads.
					to := (from&^1 + 2 + r.IntN(stage.Users-2)) % stage.Users
					return w.Users[to].ID
				}, func(*stage.World, int, string, *harness.Answer) error { return nil }),
		},
	}
}

// toggles changes random pairs of a user and something. A connection has pairs
// of its own, so that it knows what each is, and every request is a change.
func toggles(name, path, key string, first, columns int,
	state func(*stage.World) [][]bool, target func(*stage.World, int) int64,
) func(*stage.World, string, int) func(int) load.Client {
	return func(w *stage.World, host string, connections int) func(int) load.Client {
		return func(connection int) load.Client {
			random := stage.Random(name, connection)
			var buffer, form []byte
			var at *bool
			c := &client{path: path}
			c.next = func() ([]byte, func(*harness.Answer) error) {
				user, column := 0, 0
				for {
					pairs := len(w.Users) * columns
					own := (pairs - connection + connections - 1) / connections
					pair := connection + random.IntN(own)*connections
					if user, column = pair/columns, first+pair%columns; target(w, column) != w.Users[user].ID {
						break
					}
				}
				at = &state(w)[user][column]
				action := int64(1)
				if *at {
					action = 2
				}
				form = append(append(form[:0], w.Users[user].Query...), '&')
				form = append(append(form, key...), '=')
				form = strconv.AppendInt(form, target(w, column), 10)
				form = strconv.AppendInt(append(form, "&action_type="...), action, 10)
				buffer = load.Post(buffer[:0], host, path, formType, "", form)
				return buffer, func(*harness.Answer) error { return nil }
			}
			c.done = func(err error) {
				if err == nil {
					*at = !*at
				}
			}
			return c
		}
	}
}

// texts sends texts that are all different.
func texts(name, path, field, key string,
	target func(w *stage.World, r *rand.Rand, from int) int64, judge func(w *stage.World, user int, text string, a *harness.Answer) error,
) func(*stage.World, string, int) func(int) load.Client {
	var round atomic.Int64
	return func(w *stage.World, host string, _ int) func(int) load.Client {
		prefix := fmt.Sprintf("%s-%d-", name, round.Add(1))
		return func(connection int) load.Client {
			random := stage.Random(name, connection)
			var buffer, form []byte
			n := 0
			return &client{path: path, next: func() ([]byte, func(*harness.Answer) error) {
				n++
				user := random.IntN(len(w.Users))
				text := prefix + strconv.Itoa(connection) + "-" + strconv.Itoa(n)
				form = append(append(form[:0], w.Users[user].Query...), "&action_type=1&"...)
				form = append(append(append(append(form, field...), '='), text...), '&')
				form = append(append(form, key...), '=')
				form = strconv.AppendInt(form, target(w, random, user), 10)
				buffer = load.Post(buffer[:0], host, path, formType, "", form)
				return buffer, func(a *harness.Answer) error { return judge(w, user, text, a) }
			}}
		}
	}
}

func judgeComment(w *stage.World, user int, text string, a *harness.Answer) error {
	var made struct{ Comment harness.Comment }
	if err := a.Decode(&made); err != nil {
		return err
	}
	if c := made.Comment; c.Content != text || c.User.ID != w.Users[user].ID {
		return fmt.Errorf("sent %q of user %d, got %q of %d", text, w.Users[user].ID, c.Content, c.User.ID)
	}
	return nil
}

// verified is how many users' lists are compared after a load.
const verified = 20

// verifyLikes compares lists of likes with what the load did.
func verifyLikes(ctx context.Context, w *stage.World, api *harness.Client) error {
	return eachVerified(func(user int) error {
		var list videoList
		if err := fetch(ctx, api, w, user, "/douyin/favorite/list/", &list); err != nil {
			return err
		}
		var got, want []int64
		for _, v := range list.Videos {
			got = append(got, v.ID)
		}
		for i, liked := range w.Liked[user] {
			if liked {
				want = append(want, w.Videos[i].ID)
			}
		}
		return same("likes", user, got, want)
	})
}

func verifyFollows(ctx context.Context, w *stage.World, api *harness.Client) error {
	return eachVerified(func(user int) error {
		var list struct {
			Users []harness.User `json:"user_list"`
		}
		if err := fetch(ctx, api, w, user, "/douyin/relation/follow/list/", &list); err != nil {
			return err
		}
		var got, want []int64
		for _, u := range list.Users {
			got = append(got, u.ID)
		}
		for i, followed := range w.Followed[user] {
			if followed {
				want = append(want, w.Users[i].ID)
			}
		}
		return same("follows", user, got, want)
	})
}

func eachVerified(check func(user int) error) error {
	for user := 0; user < stage.Users; user += stage.Users / verified {
		if err := check(user); err != nil {
			return err
		}
	}
	return nil
}

func fetch(ctx context.Context, api *harness.Client, w *stage.World, user int, path string, into any) error {
	a, err := api.WithToken(w.Users[user].Token).Get(ctx, path, "user_id", id(w.Users[user].ID))
	if err != nil {
		return err
	}
	if a.Code() != 0 {
		return fmt.Errorf("refused: %s", a)
	}
	return a.Decode(into)
}

func same(what string, user int, got, want []int64) error {
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("user %d has %d %s, and the load left %d, or others", user, len(got), what, len(want))
	}
	return nil
}
