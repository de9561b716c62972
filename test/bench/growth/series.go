package growth

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"douyin.dev/test/bench/load"
	"douyin.dev/test/bench/result"
	"douyin.dev/test/bench/scenario"
	"douyin.dev/test/bench/stage"
	"douyin.dev/test/harness"
)

// Sizes say how far each kind of data grows, from the smallest on.
type Sizes struct{ Videos, Followers, Comments, Likes []int64 }

// dimension is something that grows, and what is asked meanwhile.
type dimension struct {
	grows string
	sizes []int64
	// fill adds the rows [from, to).
	fill     func(ctx context.Context, from, to int64) error
	requests []request
}

type request struct {
	name   string
	client func(connection int) load.Client
}

// Series measures every request at every size.
func (l *Lab) Series(ctx context.Context, sizes Sizes) ([]result.Series, error) {
	dimensions, err := l.dimensions(ctx, sizes)
	if err != nil {
		return nil, err
	}
	var all []result.Series
	for _, d := range dimensions {
		series, err := l.grow(ctx, d)
		if err != nil {
			return nil, fmt.Errorf("grow %s: %w", d.grows, err)
		}
		all = append(all, series...)
	}
	return all, nil
}

func (l *Lab) grow(ctx context.Context, d dimension) ([]result.Series, error) {
	series := make([]result.Series, len(d.requests))
	reached := int64(0)
	for _, size := range d.sizes {
		started := time.Now()
		if err := d.fill(ctx, reached, size); err != nil {
			return nil, err
		}
		reached = size
		if err := l.flush(ctx); err != nil {
			return nil, err
		}
		l.say("%d %s after %.1f s", size, d.grows, time.Since(started).Seconds())
		for i, r := range d.requests {
			p, err := l.measure(ctx, r.client)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
			p.Size = size
			series[i].Request, series[i].Grows = r.name, d.grows
			series[i].Points = append(series[i].Points, p)
			l.say("  %-28s %.3f ms CPU, %.2f queries, %.2f calls", r.name, p.CPU, p.Queries, p.Calls)
		}
	}
	return series, nil
}

// insidePages is how many different pages inside of the feed are asked for. It
// is the same at every size, so that the caches help alike.
const insidePages = 30

func (l *Lab) dimensions(ctx context.Context, sizes Sizes) ([]dimension, error) {
	if err := l.fillUsers(ctx, 0, authors); err != nil {
		return nil, err
	}
	famous, video, err := stage.Publisher(ctx, l.platform)
	if err != nil {
		return nil, err
	}
	for _, u := range l.viewers { // of all or of none: a following feed without videos is another request
		if err := l.follow(ctx, u, famous); err != nil {
			return nil, err
		}
	}
	commented, liked := firstVideo, firstVideo-1 // of the first two authors
	newest := time.Now().Add(-time.Hour)
	span := time.Duration(sizes.Videos[0]) * time.Second
	return []dimension{
		{"videos", sizes.Videos, l.fillVideos(newest), []request{
			{"feed", l.get("/douyin/feed/?", false)},
			{"feed logged in", l.get("/douyin/feed/?", true)},
			{"feed, a page inside", l.feedInside(newest, span)},
			{"list of one author's videos", l.get("/douyin/publish/list/?user_id="+str(famous), true)},
		}},
		{"followers of an author", sizes.Followers, l.fillFollowers(famous), []request{
			{"profile of the author", l.get("/douyin/user/?user_id="+str(famous), true)},
			{"a page of 30 followers", l.get("/douyin/relation/follower/list/?page_size=30&user_id="+str(famous), true)},
			{"follow or unfollow", l.toggle("/douyin/relation/action/", "to_user_id", famous)},
			{"following feed", l.get("/douyin/feed/following/?", true)},
		}},
		{"comments on a video", sizes.Comments, l.fillComments(int64(commented), firstUser), []request{
			{"a page of 30 comments", l.get("/douyin/comment/list/?page_size=30&video_id="+str(int64(commented)), true)},
			{"comment", l.comment(int64(commented))},
		}},
		{"likes of a video", sizes.Likes, l.fillLikes(int64(liked), firstUser+1), []request{
			{"like or unlike", l.toggle("/douyin/favorite/action/", "video_id", int64(liked))},
			{"feed logged in", l.get("/douyin/feed/?", true)},
			{"list of one author's videos", l.get("/douyin/publish/list/?user_id="+str(famous), true)},
			{"like another video", l.toggle("/douyin/favorite/action/", "video_id", video)},
		}},
	}, nil
}

func str(n int64) string { return strconv.FormatInt(n, 10) }

func (l *Lab) random(connection int) *rand.Rand { return stage.Random("growth", connection) }

func accept(*harness.Answer) error { return nil }

// get asks for a target, as random viewers or as nobody.
func (l *Lab) get(target string, viewer bool) func(int) load.Client {
	return func(connection int) load.Client {
		random := l.random(connection)
		requests := make([][]byte, len(l.viewers))
		for i, u := range l.viewers {
			query := ""
			if viewer {
				query = "&" + u.Query
			}
			requests[i] = load.Get(nil, l.platform.Host, target+query, "")
		}
		return scenario.NewClient(target, func() ([]byte, func(*harness.Answer) error) {
			return requests[random.IntN(len(requests))], accept
		}, nil)
	}
}

// feedInside asks for pages spread over the videos there are at every size.
func (l *Lab) feedInside(newest time.Time, span time.Duration) func(int) load.Client {
	return func(connection int) load.Client {
		random := l.random(connection)
		requests := make([][]byte, insidePages)
		for i := range requests {
			at := newest.Add(-span * time.Duration(i) / (insidePages + 2))
			requests[i] = load.Get(nil, l.platform.Host, "/douyin/feed/?latest_time="+str(at.UnixMilli()), "")
		}
		return scenario.NewClient("/douyin/feed/", func() ([]byte, func(*harness.Answer) error) {
			return requests[random.IntN(len(requests))], accept
		}, nil)
	}
}

// toggle switches one thing on and off, each connection as a viewer of its own.
func (l *Lab) toggle(path, key string, id int64) func(int) load.Client {
	return func(connection int) load.Client {
		user, on := l.changers[connection], false
		return scenario.NewClient(path, func() ([]byte, func(*harness.Answer) error) {
			action := "1"
			if on {
				action = "2"
			}
			return load.Post(nil, l.platform.Host, path+"?"+user.Query+"&action_type="+action+"&"+key+"="+str(id),
				"application/x-www-form-urlencoded", "", nil), accept
		}, func(err error) {
			if err == nil {
				on = !on
			}
		})
	}
}

// comment comments on a video.
func (l *Lab) comment(video int64) func(int) load.Client {
	const path = "/douyin/comment/action/"
	return func(connection int) load.Client {
		user := l.changers[connection]
		request := load.Post(nil, l.platform.Host, path+"?"+user.Query+"&action_type=1&comment_text=more&video_id="+str(video),
			"application/x-www-form-urlencoded", "", nil)
		return scenario.NewClient(path, func() ([]byte, func(*harness.Answer) error) { return request, accept }, nil)
	}
}
