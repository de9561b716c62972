package stage

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"douyin.dev/test/harness"
	"douyin.dev/test/media"
)

// Sizes of the world.
const (
	Users  = 200
	Videos = 100
	// Follows is how many each user gives at first. All go to users with videos, so
	// that a following feed fills a page.
	Follows = 30
	// Likes is how many each user gives at first.
	Likes = 10
	// Comments on each video below Commented; the others get those of the load.
	Comments = 10
	// Commented is how many videos have comments at first.
	Commented = 50
	// Chat is how many messages a pair of users has: 2n and 2n+1.
	Chat = 10
	// Password of everyone.
	Password = "a password of the benchmark"

	seeders = 8 // calls under way while seeding
)

// World is the data, as the platform should have it.
type World struct {
	Users  []User
	Videos []Video
	// Liked[user][video] and Followed[user][user] are the toggles, by position.
	Liked    [][]bool
	Followed [][]bool
}

// User is an account.
type User struct {
	ID    int64
	Name  string
	Token string
	// Query is the token as a query parameter.
	Query string
}

// Video is a published video; the user of the same position is its author.
type Video struct {
	ID       int64
	PlayPath string
	File     []byte
}

// Seed makes a world through the public API and waits until the workers have caught up.
func Seed(ctx context.Context, p *Platform, report func(string)) (*World, error) {
	w := &World{Users: make([]User, Users), Videos: make([]Video, Videos), Liked: grid(Users, Videos), Followed: grid(Users, Users)}
	api := p.Client()
	for _, step := range []struct {
		name string
		n    int
		do   func(context.Context, *harness.Client, int) error
	}{
		{"users", Users, w.register},
		{"videos", Videos, w.publish},
		{"follows", Users, w.follow},
		{"likes", Users, w.like},
		{"comments", Commented, w.comment},
		{"messages", Users / 2, w.chat},
	} {
		started := time.Now()
		if err := side(ctx, step.n, func(ctx context.Context, i int) error { return step.do(ctx, api, i) }); err != nil {
			return nil, fmt.Errorf("seed %s: %w", step.name, err)
		}
		report(fmt.Sprintf("seeded %s in %.1f s", step.name, time.Since(started).Seconds()))
	}
	return w, w.Settled(ctx, api)
}

func grid(rows, columns int) [][]bool {
	g := make([][]bool, rows)
	for i := range g {
		g[i] = make([]bool, columns)
	}
	return g
}

// side runs n calls, some at the same time.
func side(ctx context.Context, n int, do func(context.Context, int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(seeders)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}

// ok turns a refusal into an error.
func ok(a *harness.Answer, err error) (*harness.Answer, error) {
	if err != nil {
		return nil, err
	}
	if a.Code() != 0 {
		return nil, fmt.Errorf("refused: %s", a)
	}
	return a, nil
}

func (w *World) register(ctx context.Context, api *harness.Client, i int) error {
	name := harness.Name(fmt.Sprintf("bench%03d", i))
	a, err := ok(api.Post(ctx, "/douyin/user/register/", "username", name, "password", Password))
	if err != nil {
		return err
	}
	var made struct {
		UserID int64 `json:"user_id"`
		Token  string
	}
	if err := a.Decode(&made); err != nil {
		return err
	}
	w.Users[i] = User{ID: made.UserID, Name: name, Token: made.Token, Query: "token=" + url.QueryEscape(made.Token)}
	return nil
}

func (w *World) publish(ctx context.Context, api *harness.Client, i int) error {
	file, err := media.Draw()
	if err != nil {
		return err
	}
	author := w.Users[i]
	_, err = ok(api.Do(ctx, harness.Call{Path: "/douyin/publish/action/", Parts: []harness.Part{
		{Name: "token", Content: []byte(author.Token)},
		{Name: "title", Content: fmt.Appendf(nil, "video %d of the benchmark", i)},
		{Name: "data", FileName: "video.mp4", Content: file},
	}}))
	if err != nil {
		return err
	}
	a, err := ok(api.Get(ctx, "/douyin/publish/list/", "user_id", strconv.FormatInt(author.ID, 10)))
	if err != nil {
		return err
	}
	var list struct {
		Videos []harness.Video `json:"video_list"`
	}
	if err := a.Decode(&list); err != nil {
		return err
	}
	if len(list.Videos) != 1 {
		return fmt.Errorf("user %d has %d videos after publishing one", i, len(list.Videos))
	}
	play, err := url.Parse(list.Videos[0].PlayURL)
	if err != nil {
		return fmt.Errorf("play_url: %w", err)
	}
	w.Videos[i] = Video{ID: list.Videos[0].ID, PlayPath: play.RequestURI(), File: file}
	return nil
}

func (w *World) follow(ctx context.Context, api *harness.Client, i int) error {
	for n := range Follows {
		author := (i + 1 + n*3) % Videos
		if author == i {
			continue
		}
		if err := w.act(ctx, api, i, "/douyin/relation/action/", "to_user_id", w.Users[author].ID); err != nil {
			return err
		}
		w.Followed[i][author] = true
	}
	return nil
}

func (w *World) like(ctx context.Context, api *harness.Client, i int) error {
	for n := range Likes {
		video := (i*7 + n*9) % Videos
		if err := w.act(ctx, api, i, "/douyin/favorite/action/", "video_id", w.Videos[video].ID); err != nil {
			return err
		}
		w.Liked[i][video] = true
	}
	return nil
}

func (w *World) act(ctx context.Context, api *harness.Client, user int, path, key string, id int64) error {
	_, err := ok(api.WithToken(w.Users[user].Token).Post(ctx, path, key, strconv.FormatInt(id, 10), "action_type", "1"))
	return err
}

// CommentText is the nth comment on a video at the start.
func CommentText(video, n int) string { return fmt.Sprintf("comment %d on video %d", n, video) }

func (w *World) comment(ctx context.Context, api *harness.Client, video int) error {
	for n := range Comments {
		_, err := ok(api.WithToken(w.Users[(video+n)%Users].Token).Post(ctx, "/douyin/comment/action/",
			"video_id", strconv.FormatInt(w.Videos[video].ID, 10), "action_type", "1", "comment_text", CommentText(video, n)))
		if err != nil {
			return err
		}
	}
	return nil
}

// ChatText is the nth message between the users 2n and 2n+1 at the start; the
// even ones are from the even user.
func ChatText(pair, n int) string { return fmt.Sprintf("message %d of pair %d", n, pair) }

func (w *World) chat(ctx context.Context, api *harness.Client, pair int) error {
	for n := range Chat {
		from, to := w.Users[2*pair+n%2], w.Users[2*pair+1-n%2]
		_, err := ok(api.WithToken(from.Token).Post(ctx, "/douyin/message/action/",
			"to_user_id", strconv.FormatInt(to.ID, 10), "action_type", "1", "content", ChatText(pair, n)))
		if err != nil {
			return err
		}
	}
	return nil
}

// settleLimit is how long the workers may take after a load.
const settleLimit = 2 * time.Minute

// Settled waits until the counts of likes equal the toggles.
func (w *World) Settled(ctx context.Context, api *harness.Client) error {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	for {
		err := w.counted(ctx, api)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the workers did not catch up within %s: %w", settleLimit, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (w *World) counted(ctx context.Context, api *harness.Client) error {
	for i := range Users {
		a, err := ok(api.WithToken(w.Users[i].Token).Get(ctx, "/douyin/user/"))
		if err != nil {
			return err
		}
		var answer struct{ User harness.User }
		if err := a.Decode(&answer); err != nil {
			return err
		}
		likes, follows := count(w.Liked[i]), count(w.Followed[i])
		if u := answer.User; u.FavoriteCount != likes || u.FollowCount != follows {
			return fmt.Errorf("user %d has counts of %d likes and %d follows, want %d and %d", i, u.FavoriteCount, u.FollowCount, likes, follows)
		}
	}
	return nil
}

func count(row []bool) int64 {
	n := int64(0)
	for _, set := range row {
		if set {
			n++
		}
	}
	return n
}

// Random is a source for one connection: the same run makes the same requests.
func Random(scenario string, connection int) *rand.Rand {
	seed := uint64(14695981039346656037) // FNV-1a
	for _, b := range []byte(scenario) {
		seed = (seed ^ uint64(b)) * 1099511628211
	}
	return rand.New(rand.NewPCG(seed, uint64(connection)))
}

// Relates tells whether a user likes a video and follows its author. A video
// that was published by a load has nobody's like.
func (w *World) Relates(user int, v harness.Video) (liked, followed bool) {
	for i := range w.Videos {
		if w.Videos[i].ID == v.ID {
			liked = w.Liked[user][i]
		}
		if w.Users[i].ID == v.Author.ID {
			followed = w.Followed[user][i]
		}
	}
	return liked, followed
}
