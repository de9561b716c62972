package durability

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"douyin.dev/test/harness"
)

// readers read the state at the same time.
const readers = 8

// pageSize is the largest the API allows.
const pageSize = "50"

// Read reads the final state through the API: lists to their end, in pages,
// and every counter beside the rows it counts.
func (w *World) Read(ctx context.Context, h History) (State, error) {
	views := make([]view, len(w.actors))
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, a := range w.actors {
		group.Go(func() (err error) {
			views[i], err = a.view(reading)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return State{}, fmt.Errorf("read state: %w", err)
	}
	conversations, err := w.conversations(ctx, h)
	if err != nil {
		return State{}, fmt.Errorf("read state: %w", err)
	}
	counters, err := w.hot.counters(ctx)
	if err != nil {
		return State{}, fmt.Errorf("read state: %w", err)
	}
	s := State{Conversations: conversations, Counters: counters}
	for i, v := range views {
		id := w.actors[i].id
		for _, video := range v.liked {
			s.Likes = append(s.Likes, Edge{id, video.ID})
		}
		for _, user := range v.following {
			s.Following = append(s.Following, Edge{id, user.ID})
		}
		for _, user := range v.followers {
			s.Followers = append(s.Followers, Edge{user.ID, id})
		}
		for _, rows := range v.comments {
			s.Comments = append(s.Comments, rows...)
		}
		for _, video := range v.published {
			s.Videos = append(s.Videos, Video{
				ID: video.ID, Author: id, At: video.CreateTime, Title: video.Title, PlayURL: video.PlayURL, CoverURL: video.CoverURL,
				Card: fmt.Sprintf("%s %s %s by %s", video.Title, video.PlayURL, video.CoverURL, video.Author.Name),
			})
		}
		s.Feeds = append(s.Feeds, Feed{Viewer: id, Videos: v.feed})
	}
	for _, v := range views {
		s.Counters = append(s.Counters, v.counters(s)...)
	}
	return s, nil
}

// view is what one actor sees of itself, and of its videos.
type view struct {
	user      harness.User
	liked     []harness.Video
	published []harness.Video
	following []harness.User
	followers []harness.User
	comments  map[int64][]Row
	counts    map[int64]int64 // comment/count by video
	feed      []int64         // of those it follows
}

func (a *actor) view(ctx context.Context) (v view, err error) {
	if v.user, err = a.user(ctx); err != nil {
		return v, err
	}
	if v.published, err = a.published(ctx); err != nil {
		return v, err
	}
	if v.liked, err = pages[harness.Video](ctx, a.client, "/douyin/favorite/list/", "video_list"); err != nil {
		return v, err
	}
	if v.following, err = pages[harness.User](ctx, a.client, "/douyin/relation/follow/list/", "user_list"); err != nil {
		return v, err
	}
	if v.followers, err = pages[harness.User](ctx, a.client, "/douyin/relation/follower/list/", "user_list"); err != nil {
		return v, err
	}
	feed, err := pages[harness.Video](ctx, a.client, "/douyin/feed/following", "video_list")
	if err != nil {
		return v, err
	}
	for _, video := range feed {
		v.feed = append(v.feed, video.ID)
	}
	v.comments, v.counts = map[int64][]Row{}, map[int64]int64{}
	for _, video := range v.published {
		id := strconv.FormatInt(video.ID, 10)
		list, err := pages[harness.Comment](ctx, a.client, "/douyin/comment/list/", "comment_list", "video_id", id)
		if err != nil {
			return v, err
		}
		for _, c := range list {
			v.comments[video.ID] = append(v.comments[video.ID], Row{ID: c.ID, Author: c.User.ID, Target: video.ID, Text: c.Content})
		}
		answer, err := a.client.Get(ctx, "/douyin/comment/count/", "video_id", id)
		if err != nil {
			return v, err
		}
		var count struct {
			CommentCount int64 `json:"comment_count"`
		}
		if err := decode(answer, &count); err != nil {
			return v, err
		}
		v.counts[video.ID] = count.CommentCount
	}
	return v, nil
}

// counters are those of a user and its videos, each beside its rows.
func (v view) counters(s State) []Counter {
	likes := func(video int64) (n int64) {
		for _, edge := range s.Likes {
			if edge.To == video {
				n++
			}
		}
		return n
	}
	var total int64
	var counters []Counter
	for _, video := range v.published {
		rows := []int64{likes(video.ID), int64(len(v.comments[video.ID]))}
		total += rows[0]
		for i, counter := range videoCounts(video) {
			counter.Rows = rows[i]
			counters = append(counters, counter)
		}
		counters = append(counters, Counter{fmt.Sprintf("comment/count of video %d", video.ID), v.counts[video.ID], rows[1]})
	}
	rows := []int64{int64(len(v.following)), int64(len(v.followers)), total, int64(len(v.published)), int64(len(v.liked))}
	for i, counter := range userCounts(v.user) {
		counter.Rows = rows[i]
		counters = append(counters, counter)
	}
	return counters
}

// userCounts are the counters of a user, without their rows.
func userCounts(u harness.User) []Counter {
	name := func(counter string) string { return fmt.Sprintf("%s of user %d", counter, u.ID) }
	return []Counter{
		{Name: name("follow_count"), Read: u.FollowCount}, {Name: name("follower_count"), Read: u.FollowerCount},
		{Name: name("total_favorited"), Read: u.TotalFavorited}, {Name: name("work_count"), Read: u.WorkCount},
		{Name: name("favorite_count"), Read: u.FavoriteCount},
	}
}

// videoCounts are the counters of a video, without their rows.
func videoCounts(v harness.Video) []Counter {
	return []Counter{
		{Name: fmt.Sprintf("favorite_count of video %d", v.ID), Read: v.FavoriteCount},
		{Name: fmt.Sprintf("comment_count of video %d", v.ID), Read: v.CommentCount},
	}
}

// conversations reads every conversation anybody tried to have, from both sides.
func (w *World) conversations(ctx context.Context, h History) ([]Conversation, error) {
	byID := map[int64]*actor{}
	for _, a := range w.actors {
		byID[a.id] = a
	}
	pairs := map[Edge]bool{}
	for _, op := range h.Operations {
		if op.Kind == Message {
			pairs[Edge{min(op.Actor, op.Target), max(op.Actor, op.Target)}] = true
		}
	}
	var mu sync.Mutex
	var all []Conversation
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for pair := range pairs {
		group.Go(func() error {
			first, err := byID[pair.From].conversation(ctx, pair.To)
			if err != nil {
				return err
			}
			second, err := byID[pair.To].conversation(ctx, pair.From)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, Conversation{First: first, Second: second})
			return nil
		})
	}
	return all, group.Wait()
}

// conversation reads the messages with a peer, newest first as pages come.
func (a *actor) conversation(ctx context.Context, peer int64) ([]Row, error) {
	var rows []Row
	token := ""
	for {
		page, next, err := page[harness.Message](ctx, a.client, "/douyin/message/chat/", "message_list", token, "to_user_id", strconv.FormatInt(peer, 10))
		if err != nil {
			return nil, err
		}
		for _, m := range slices.Backward(page) { // pages ascend, and go on with older ones
			rows = append(rows, Row{ID: m.ID, Author: m.FromUserID, Target: m.ToUserID, Text: m.Content})
		}
		if next == "" {
			return rows, nil
		}
		token = next
	}
}

func (a *actor) user(ctx context.Context) (harness.User, error) {
	answer, err := a.client.Get(ctx, "/douyin/user/")
	if err != nil {
		return harness.User{}, err
	}
	var user struct{ User harness.User }
	err = decode(answer, &user)
	return user.User, err
}

func (a *actor) published(ctx context.Context) ([]harness.Video, error) {
	return pages[harness.Video](ctx, a.client, "/douyin/publish/list/", "video_list")
}

// pages reads a list to its end.
func pages[T any](ctx context.Context, client *harness.Client, path, key string, params ...string) ([]T, error) {
	var all []T
	token := ""
	for {
		items, next, err := page[T](ctx, client, path, key, token, params...)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
		if next == "" {
			return all, nil
		}
		token = next
	}
}
